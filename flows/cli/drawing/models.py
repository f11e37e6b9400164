"""Which models a call draws with: those that a run trained, or those of an exported folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.generator import Sampling
from tasks import REPOSITORY
from tasks.generate import ArtifactModels, FolderModels, ModelSource
from tasks.settings import Settings

if TYPE_CHECKING:
    from flows.config import PipelineConfig

FINISHED_MODEL = REPOSITORY / "data" / "gallery"  # comes with the repository


@dataclass(frozen=True)
class ChosenModels:
    """Models to draw with.

    Attributes:
        defaults: how they draw if nothing else is said.
        prompts: examples of what they can draw.
    """

    source: ModelSource
    defaults: Sampling
    prompts: Sequence[str]

    def sampling(self, **chosen: float | None) -> Sampling:
        """The defaults, changed by what was chosen."""
        fields = self.defaults.model_dump() | {name: value for name, value in chosen.items() if value is not None}
        return Sampling(**fields)


def finished_model() -> Path | None:
    """The folder of models that comes with the repository, with which a call draws that names none."""
    return FINISHED_MODEL if FINISHED_MODEL.is_dir() else None


def models_of_folder(folder: Path) -> ChosenModels:
    """Those of a folder that `dalle export` wrote.

    Raises:
        CheckpointError: it is no such folder.
    """
    source = FolderModels(folder)
    return ChosenModels(source, Sampling.model_validate(source.manifest.sampling), source.manifest.prompts)


def models_of_run(config: "PipelineConfig", settings: Settings, command: str) -> ChosenModels:
    """Those that a run of this config trained, or the finished ones that it names.

    Args:
        command: trains them; for the message where they are missing.

    Raises:
        ConfigError: they are not trained yet.
        StorageError: the root cannot be read.
        CheckpointError: it names a folder that is no model folder.
    """
    if config.models.pretrained is not None:
        return models_of_folder(config.models.folder)
    from flows.plan import trained
    from tasks.preflight import require_root

    require_root(settings.root, write=False)
    pairs, models = trained(config, settings, command)
    defaults = Sampling(**config.sample.model_dump(include={*Sampling.model_fields}))
    return ChosenModels(
        ArtifactModels(pairs, models.generator, models.ranker, settings), defaults, config.sample.prompts
    )
