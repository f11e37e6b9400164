"""A second CLIP, which scores what the ranker chose: a published one, since a ranker flatters its own choice."""

from typing import Any

from pydantic import Field

from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import ConfigError
from tasks.train.published_clip import digest_of_clip, keep_clip

PRETRAINED = "scorer.pretrained"


class Config(StageConfig):
    """A second CLIP for scores. Reranking and scoring must not use the same model (GLIDE, section 5.2)."""

    pretrained: str | None = Field(
        None,
        description="A published CLIP, another than the ranker: its folder (transformers layout), or its name on the "
        "Hugging Face hub. Without one, no second model scores the samples.",
    )

    def fingerprinted(self) -> dict[str, Any]:
        """The model counts by its content, in `outside_state`, and not by where it lies."""
        return {}

    def outside_state(self) -> str:
        """Digest of the model's files, where one is named.

        Raises:
            SourceError: there is no such model, or it is no CLIP that can be used.
        """
        return digest_of_clip(self.pretrained, PRETRAINED) if self.pretrained is not None else ""


@stage(Config)
def scorer(config: Config, output: Output) -> None:
    """Takes the second CLIP, which had no part in making or ranking the samples.

    Raises:
        ConfigError: none is named.
        SourceError: there is no such model, or it is no CLIP that can be used.
    """
    if config.pretrained is None:
        raise ConfigError(f"No CLIP is named in {PRETRAINED}: name one, or leave this stage out.")
    keep_clip(config.pretrained, PRETRAINED, output)
