"""What the stages of all image tokenizers share: a training and its check, or a model that is trained already."""

from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import TokenizerModelConfig
from models.files import CONFIG, MODEL_FILES, SOURCE, WEIGHTS
from models.training.config import TokenizerTrainingConfig
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError
from tasks.train.health import TokenizerHealth, require_health
from tasks.train.published import digest_of_published, keep_published
from tasks.train.trainer import measure_pretrained, run_trainer, shards

FILES = (*MODEL_FILES, SOURCE)
MEASURED_IMAGES = 128  # of a model that is trained already: enough to see a collapse


class TokenizerStageConfig(StageConfig):
    """Layout, training and limits of an image tokenizer, or the folder of a trained one."""

    model: TokenizerModelConfig
    training: TokenizerTrainingConfig
    health: TokenizerHealth
    pretrained: str | None = Field(
        None,
        description="Folder of a trained model of this kind, such as `dalle import-dvae` makes, to use instead of "
        "training one; its own layout counts, and the limits of `health` hold for it on these images.",
    )

    @property
    def layout(self) -> TokenizerModelConfig:
        """The shape of the model that the stage gives.

        Raises:
            SourceError: the named folder holds no model of this kind.
        """
        if self.pretrained is None:
            return self.model
        folder = Path(self.pretrained)
        try:
            if not (folder / WEIGHTS).is_file():
                raise FileNotFoundError(f"no {WEIGHTS}")
            return type(self.model).model_validate_json((folder / CONFIG).read_bytes())
        except (OSError, ValueError) as error:
            kind = self.model.kind
            raise SourceError(f"{folder} holds no trained {kind}: name its folder in {kind}.pretrained.") from error

    def fingerprinted(self) -> dict[str, Any]:
        """A trained model counts by its content, in `outside_state`, and not by where it lies."""
        fields = super().fingerprinted()
        return fields if self.pretrained is None else {"pretrained": "by content", "health": fields["health"]}

    def outside_state(self) -> str:
        """Digest of the trained model's files, where one is named.

        Raises:
            SourceError: the named folder holds no model of this kind.
        """
        if self.pretrained is None:
            return ""
        setting = f"{self.layout.kind}.pretrained"
        return digest_of_published(Path(self.pretrained), setting, FILES)


def make_tokenizer(module: str, config: TokenizerStageConfig, output: Output, pairs: Artifact, remedy: str) -> None:
    """Runs the trainer of an image tokenizer or takes the trained one, and records the sizes that the prior needs.

    A model that is trained already is measured on these pairs too, unless its health is not to be checked.

    Args:
        remedy: what prevents a collapse of this kind of tokenizer, besides longer training.

    Raises:
        CollapsedCodesError: a figure of the model is beyond its limit.
        SourceError: there are no training rows, or no model in the folder of the trained one.
        TrainingFailedError: the trainer ended without finishing.
    """
    layout = config.layout
    output.metrics |= {"vocab_size": layout.vocab_size, "grid": layout.grid}
    if config.pretrained is None:
        run_trainer(module, config.model, config.training, shards(pairs), pairs, output)
        remedy = f"train it longer, or {remedy}"
    else:
        setting = f"{layout.kind}.pretrained"
        keep_published(Path(config.pretrained), setting, output, FILES)
        if config.health.check:
            training = type(config.training)(validation_images=MEASURED_IMAGES)
            measure_pretrained(module, Path(config.pretrained), layout, training, shards(pairs), output)
        remedy = f"name another one in {setting} or models.start_from, or leave that out to train one on these images"
    require_health(config.health, output.metrics, layout.vocab_size, layout.kind, remedy)
