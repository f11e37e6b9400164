"""How captions are transformed."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import Frozen
from tasks.crawl.sources.folder_files import digest_of
from tasks.errors import ConfigError
from tasks.screen_captions.transform import wordnet
from tasks.screen_captions.transform.tokens import Tagger, spacy_tagger, textblob_tags

SETTING = "screen_captions.transform"
SPACY = "spacy:"


class TransformConfig(Frozen):
    """The text transformation of Conceptual Captions; every worker must reach the folder and the model."""

    wordnet: str = Field("/usr/share/wordnet", description="Folder of WordNet's database files.")
    tagger: str = Field(
        "textblob",
        pattern="^(textblob|spacy:.+)$",
        description="What tells parts of speech: textblob, or a spaCy model, spacy:en_core_web_sm or spacy:folder, "
        "whose named entities are used too.",
    )
    min_words: int = Field(3, ge=1, description="Captions of fewer words afterwards are rejected.")
    min_concept_captions: int = Field(
        101, ge=1, description="Captions are rejected with a noun that fewer captions have, of all that are left."
    )

    @property
    def _model(self) -> str | None:
        return self.tagger.removeprefix(SPACY) if self.tagger.startswith(SPACY) else None

    def tags(self) -> Tagger:
        """The tagger."""
        return textblob_tags if self._model is None else spacy_tagger(self._model)

    def require(self) -> None:
        """WordNet and the tagger are there.

        Raises:
            ConfigError: one is not.
        """
        wordnet.require(self.wordnet, f"{SETTING}.wordnet")
        if self._model is not None:
            _model_version(self._model)

    def fingerprinted(self) -> dict[str, Any]:
        """WordNet and the model count by what they are, in `outside_state`, and not by where they lie."""
        return self.model_dump(exclude={"wordnet", "tagger"})

    def outside_state(self) -> str:
        """What identifies WordNet and the tagger.

        Raises:
            ConfigError: one is not there.
        """
        self.require()
        tagger = "textblob" if self._model is None else _model_version(self._model)
        return f"wordnet {wordnet.digest(self.wordnet)}\ntagger {tagger}"


def _model_version(model: str) -> str:
    """Identifies a spaCy model, and the version of spaCy.

    Raises:
        ConfigError: spaCy or the model is not installed, or the folder holds no model.
    """
    try:
        spacy = version("spacy")
    except PackageNotFoundError:
        raise ConfigError(
            f"{SETTING}.tagger needs spaCy: run `pip install -c constraints.txt spacy`, or set it to textblob."
        ) from None
    spec = find_spec(model) if model.isidentifier() else None
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path(model).expanduser()
    try:
        # It names the version, the sizes and the scores of the model.
        return f"{digest_of(folder / 'meta.json')}, spacy {spacy}"
    except OSError:
        raise ConfigError(
            f"{SETTING}.tagger: there is no spaCy model '{model}': install one, "
            "`python -m spacy download en_core_web_sm`, name the folder of one, or set it to textblob."
        ) from None
