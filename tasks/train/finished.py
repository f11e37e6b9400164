"""Finished models in place of trained ones: those of a folder that `dalle export` wrote, one artifact for each."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from models.files import CONFIG, FOR_PEOPLE, RANKER_FOLDER, TOKENIZER_FOLDER
from models.folder import ModelManifest, check_folder, read_manifest
from models.training.errors import CheckpointError
from tasks.engine import storage
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import ConfigError

SETTING = "models.pretrained"
PAIRS = "pairs"  # in what a folder says it was made from: the address of the pairs its models were trained on
TRAINED_ON = "trained_on"


class Config(StageConfig):
    """All models from one folder, in place of trained ones."""

    pretrained: str | None = Field(
        None,
        description="Folder that `dalle export` wrote: its models are measured, and none is trained. What the config "
        "says of trainings then counts for nothing.",
    )

    def fingerprinted(self) -> dict[str, Any]:
        """The models count by their content, in `outside_state`, and not by where they lie."""
        return {}

    def outside_state(self) -> str:
        """Digest of the models' files as the folder lists them, and of what they were trained on.

        Raises:
            CheckpointError: there is no such folder, or its list cannot be read.
        """
        if self.pretrained is None:
            return ""
        manifest = read_manifest(self.folder)
        files = sorted(f"{path} {file.sha256}\n" for path, file in manifest.files.items() if _draws(path))
        return storage.sha256("".join([*files, trained_on(manifest)]).encode())

    @property
    def folder(self) -> Path:
        """The named folder.

        Raises:
            ConfigError: none is named.
        """
        if self.pretrained is None:
            raise ConfigError(f"No folder of models is named in {SETTING}: name one, or leave this stage out.")
        return Path(self.pretrained).expanduser()


@stage(Config)
def take_generator(config: Config, output: Output) -> None:
    """The generator of a finished model, with its tokenizers.

    Raises:
        CheckpointError: a file of the folder is missing or changed, or it is no model folder.
    """
    _take(config, output, "")
    output.metrics[TRAINED_ON] = trained_on(read_manifest(config.folder))


@stage(Config)
def take_tokenizer(config: Config, output: Output) -> None:
    """The image tokenizer of a finished model.

    Raises:
        CheckpointError: as for the generator.
    """
    _take(config, output, TOKENIZER_FOLDER)
    layout = json.loads((config.folder / TOKENIZER_FOLDER / CONFIG).read_bytes())
    output.metrics["vocab_size"] = layout["vocab_size"]


@stage(Config)
def take_ranker(config: Config, output: Output) -> None:
    """The ranker of a finished model.

    Raises:
        CheckpointError: as for the generator.
    """
    _take(config, output, RANKER_FOLDER)


def trained_on(manifest: ModelManifest) -> str:
    """Address of the pairs that a folder's models were trained on; empty where it does not say."""
    return manifest.made_from.get(PAIRS, "")


def other_training(trained_on: str, pairs: str) -> str | None:
    """What is to be said of figures of finished models, which may have been trained on what is held out here.

    Args:
        trained_on: address of the pairs the models were trained on, empty if that is not known.
        pairs: address of the pairs they are measured on.

    Returns:
        One sentence; None if they are the same.
    """
    if trained_on == pairs:
        return None
    which = f"other pairs ({trained_on}) than these ({pairs})" if trained_on else "pairs that are not known"
    return f"The models were trained on {which}: they may have seen what is called held out here."


def _take(config: Config, output: Output, part: str) -> None:
    """Writes the files of one folder in the model folder; with "" those of the generator, all but the ranker's."""
    check_folder(config.folder)
    paths = [PurePosixPath(path) for path in read_manifest(config.folder).files if _draws(path)]
    own = [path for path in paths if path.parts[0] == part or (not part and path.parts[0] != RANKER_FOLDER)]
    if not own:
        raise CheckpointError(f"{config.folder} holds no {part or 'generator'}: export the models again.")
    for path in own:
        output.write(str(path.relative_to(part)), (config.folder / path).read_bytes())


def _draws(path: str) -> bool:
    """Whether a file of a model folder belongs to a model, and is not about it."""
    return PurePosixPath(path).parts[0] not in FOR_PEOPLE
