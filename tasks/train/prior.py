"""Stage two of the paper: the transformer over text and image tokens (section 2.2)."""

from pydantic import Field

from models.dvae.config import DVAEModelConfig
from models.prior.config import PriorLayout, PriorModelConfig, PriorTrainingConfig
from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.train.trainer import bpe_file, require_input, run_trainer, shards, text_sizes


class Config(StageConfig):
    """Layout and training of the prior. Its vocabularies and grid are those of its tokenizer and dVAE."""

    model: PriorLayout = Field(default_factory=PriorLayout)
    training: PriorTrainingConfig = Field(default_factory=PriorTrainingConfig)


@stage(Config, reads={"tokens": {"train": schemas.TOKENS, "val": schemas.TOKENS}})
def train_prior(config: Config, output: Output, tokens: Artifact, bpe: Artifact, dvae: Artifact) -> None:
    """Stage two of the paper: the transformer over text and image tokens (section 2.2)."""
    require_input(tokens, "dvae", dvae)
    text_vocab, caption_length = text_sizes(bpe)
    images = DVAEModelConfig(**dvae.manifest().config["model"])
    model = PriorModelConfig(
        **config.model.model_dump(),
        text_vocab=text_vocab,
        text_length=caption_length + int(config.model.start_of_text),
        image_vocab=images.vocab_size,
        grid=images.grid,
    )
    data = shards(tokens) | bpe_file(bpe, output)
    run_trainer("models.prior.train", model, config.training, data, tokens, output)
