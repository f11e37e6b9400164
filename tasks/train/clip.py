"""The contrastive ranker (section 2.6): trained here, or a published one."""

from typing import Any

from pydantic import Field

from models.clip.config import CLIPLayout, CLIPModelConfig, CLIPTrainingConfig
from models.files import BPE_FILE
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.train.published_clip import digest_of_clip, keep_clip
from tasks.train.trainer import READS_PAIRS, bpe_file, run_trainer, shards, text_sizes

PRETRAINED = "clip.pretrained"


class Config(StageConfig):
    """Layout and training of the ranker, or a published one."""

    model: CLIPLayout = Field(default_factory=CLIPLayout)
    training: CLIPTrainingConfig = Field(default_factory=CLIPTrainingConfig)
    pretrained: str | None = Field(
        None,
        description="A published CLIP to use instead of training one: its folder (transformers layout), or its name on "
        "the Hugging Face hub, such as laion/CLIP-ViT-B-32-laion2B-s34B-b79K, with @revision if wanted.",
    )

    def fingerprinted(self) -> dict[str, Any]:
        """A published model counts by its content, in `outside_state`, and not by where it lies."""
        return super().fingerprinted() if self.pretrained is None else {"pretrained": "by content"}

    def outside_state(self) -> str:
        """Digest of the published model's files, where one is named.

        Raises:
            SourceError: there is no such model, or it is no CLIP that can be used.
        """
        return digest_of_clip(self.pretrained, PRETRAINED) if self.pretrained is not None else ""


@stage(Config, reads=READS_PAIRS, headline=("train_accuracy", "accuracy"))
def train_clip(config: Config, output: Output, pairs: Artifact, bpe: Artifact) -> None:
    """The contrastive ranker of section 2.6, trained on the same pairs unless a published one is named.

    Raises:
        SourceError: there are no training pairs, or the published one is no CLIP that can be used.
        TrainingFailedError: the trainer ended without finishing.
    """
    if config.pretrained is not None:
        keep_clip(config.pretrained, PRETRAINED, output)
    else:
        text_vocab, text_length = text_sizes(bpe)
        model = CLIPModelConfig(**config.model.model_dump(), text_vocab=text_vocab, text_length=text_length)
        data = shards(pairs) | bpe_file(bpe, output)
        run_trainer("models.clip.train", model, config.training, data, pairs, output)
        output.write(BPE_FILE, bpe.read(BPE_FILE))
