"""Finished models in place of trained ones, or to start from: those of a folder that `dalle export` wrote."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from models.files import CONFIG, FOR_PEOPLE, RANKER_FOLDER, TOKENIZER_FOLDER
from models.folder import ModelManifest, check_folder, read_manifest
from models.prior.config import PriorModelConfig
from models.training.errors import CheckpointError
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import ConfigError

ROWS_AT_ONCE = 65_536
TRAINED_ON = "trained_on"  # in what a folder says it was made from: see `trained_on`


class Config(StageConfig):
    """All models from one folder, in place of trained ones or as a start."""

    pretrained: str | None = Field(
        None,
        description="Folder that `dalle export` wrote: its models are measured, and none is trained. What the config "
        "says of trainings then counts for nothing.",
    )
    start_from: str | None = Field(
        None,
        description="Folder that `dalle export` wrote, to go on from with these pairs (fine-tuning): the prior's "
        "training begins with its weights, its two tokenizers are used as they are, and their shapes count, not those "
        "in the config. The ranker is trained anew. The optimiser's state and the learning rate begin anew too.",
    )

    @property
    def starts(self) -> bool:
        """Whether there is a training, and it starts from a finished model."""
        return self.pretrained is None and self.start_from is not None

    def require(self) -> None:
        """The named folder is there.

        Raises:
            CheckpointError: there is no such folder, or its list cannot be read.
        """
        if self.pretrained is not None or self.start_from is not None:
            read_manifest(self.folder)

    def fingerprinted(self) -> dict[str, Any]:
        """The models count by their content, in `outside_state`, and not by where they lie."""
        return {}

    def outside_state(self) -> str:
        """Digest of the models' files as the folder lists them, and of what they were trained on.

        Raises:
            CheckpointError: there is no such folder, or its list cannot be read.
        """
        if self.pretrained is None and self.start_from is None:
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
        named = self.pretrained if self.pretrained is not None else self.start_from
        if named is None:
            raise ConfigError("No folder of models is named in models.pretrained: name one, or leave this stage out.")
        return Path(named).expanduser()

    @property
    def shape(self) -> PriorModelConfig:
        """That of the prior in the folder, with its vocabularies and grid.

        Raises:
            CheckpointError: the folder holds no prior.
        """
        path = self.folder / CONFIG
        try:
            return PriorModelConfig.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{path} is not that of a prior to start from: name a folder of `dalle export`."
            ) from error

    @property
    def tokenizer_kind(self) -> str:
        """That of the image tokenizer in the folder.

        Raises:
            CheckpointError: the folder holds none.
        """
        path = self.folder / TOKENIZER_FOLDER / CONFIG
        try:
            return str(json.loads(path.read_bytes())["kind"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} names no image tokenizer: name a folder of `dalle export`.") from error


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
    """The `training_set` of a folder's models, and after a space those of the models that they started from.

    Empty where the folder does not say.
    """
    return manifest.made_from.get(TRAINED_ON, "")


def training_set(pairs: Artifact) -> str:
    """Says in 16 hex digits which training pairs packed pairs hold, in whatever order and by whichever version made."""
    total = 0
    for uri in pairs.files("train"):
        for batch in schemas.read_batches(uri, ["pair_id"], ROWS_AT_ONCE):
            total += sum(int(storage.sha256(pair_id.encode())[:16], 16) for pair_id in batch["pair_id"].to_pylist())
    return f"{total % 2**64:016x}"


def other_training(trained_on: str, pairs: Artifact, is_start: bool = False) -> str | None:
    """What is to be said of figures of finished models, which may have been trained on what is held out here.

    Args:
        trained_on: what `trained_on` says of the models, empty if that is not known.
        pairs: the packed pairs they are measured on.
        is_start: they are what the prior's training started from.

    Returns:
        One sentence; None if they were trained on the training pairs of these, and on no others.
    """
    if set(trained_on.split()) == {training_set(pairs)}:
        return None
    which = f"other pairs than those of {pairs.address}" if trained_on else "pairs that are not known"
    who = "What the prior's training started from was" if is_start else "The models were"
    return f"{who} trained on {which}: {'it' if is_start else 'they'} may have seen what is called held out here."


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
