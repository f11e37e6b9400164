"""Image tokens by a VQGAN instead of the paper's discrete VAE."""

from pathlib import Path

from pydantic import Field

from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import stage
from tasks.errors import ConfigError
from tasks.train.health import TokenizerHealth
from tasks.train.tokenizer import TokenizerStageConfig, make_tokenizer
from tasks.train.trainer import READS_PAIRS


class Config(TokenizerStageConfig):
    """Layout, training and limits of the VQGAN, or the folder of a trained one."""

    model: VQGANModelConfig = Field(default_factory=VQGANModelConfig)
    training: VQGANTrainingConfig = Field(default_factory=VQGANTrainingConfig)
    health: TokenizerHealth = Field(default_factory=TokenizerHealth)

    def outside_state(self) -> str:
        """Digest of the trained model or of the perceptual network, where one is named.

        Raises:
            ConfigError: there is no such file.
            SourceError: the named folder holds no VQGAN.
        """
        network = self.training.perceptual_network
        if self.pretrained is not None or network is None:
            return super().outside_state()
        if not Path(network).is_file():
            raise ConfigError(f"There is no file {network}: name a TorchScript file in perceptual_network.")
        return storage.sha256(Path(network).read_bytes())


@stage(Config, reads=READS_PAIRS, headline=("psnr", "usage"))
def train_vqgan(config: Config, output: Output, pairs: Artifact) -> None:
    """Image tokens by a VQGAN (Esser et al. 2021) instead of the paper's discrete VAE."""
    make_tokenizer("models.vqgan.train", config, output, pairs, remedy="raise vqgan.training.restart_below")
