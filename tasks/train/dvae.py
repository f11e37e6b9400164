"""Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""

from pydantic import Field

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import stage
from tasks.train.trainer import READS_PAIRS, TokenizerStageConfig, train_tokenizer


class Config(TokenizerStageConfig):
    """Layout and training of the dVAE, and the share of its codes that it must use."""

    model: DVAEModelConfig = Field(default_factory=DVAEModelConfig)
    training: DVAETrainingConfig = Field(default_factory=DVAETrainingConfig)


@stage(Config, reads=READS_PAIRS, headline=("psnr", "codes_used"))
def train_dvae(config: Config, output: Output, pairs: Artifact) -> None:
    """Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""
    train_tokenizer("models.dvae.train", config, output, pairs, remedy="lower dvae.training.beta")
