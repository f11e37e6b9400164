"""Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""

from pydantic import Field

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import stage
from tasks.train.health import DVAEHealth
from tasks.train.tokenizer import TokenizerStageConfig, make_tokenizer
from tasks.train.trainer import READS_PAIRS


class Config(TokenizerStageConfig):
    """Layout, training and limits of the dVAE, or the folder of a trained one."""

    model: DVAEModelConfig = Field(default_factory=DVAEModelConfig)
    training: DVAETrainingConfig = Field(default_factory=DVAETrainingConfig)
    health: DVAEHealth = Field(default_factory=DVAEHealth)


@stage(Config, reads=READS_PAIRS, headline=("psnr", "usage"))
def train_dvae(config: Config, output: Output, pairs: Artifact) -> None:
    """Stage one of the paper: image tokens by a discrete VAE (section 2.1), trained unless a trained one is named."""
    make_tokenizer("models.dvae.train", config, output, pairs, remedy="lower dvae.training.beta")
