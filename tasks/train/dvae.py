"""Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""

from pydantic import Field

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import CollapsedCodesError
from tasks.train.trainer import READS_PAIRS, run_trainer, shards


class Config(StageConfig):
    """Layout and training of the dVAE, and the health it must show before anything is built on it."""

    model: DVAEModelConfig = Field(default_factory=DVAEModelConfig)
    training: DVAETrainingConfig = Field(default_factory=DVAETrainingConfig)
    least_codes_used: float = Field(
        0.05, ge=0, le=1, description="Share of the code book that held-out images must use; fewer is a collapse."
    )


@stage(Config, reads=READS_PAIRS, headline=("psnr", "codes_used"))
def train_dvae(config: Config, output: Output, pairs: Artifact) -> None:
    """Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""
    run_trainer("models.dvae.train", config.model, config.training, shards(pairs), pairs, output)
    output.metrics |= {"vocab_size": config.model.vocab_size, "grid": config.model.grid}
    used = output.metrics["codes_used"] / config.model.vocab_size
    if used < config.least_codes_used:
        raise CollapsedCodesError(
            f"The dVAE uses {used:.0%} of its codes on held-out images, fewer than dvae.least_codes_used "
            f"({config.least_codes_used:.0%}): train it longer, or lower dvae.training.beta."
        )
