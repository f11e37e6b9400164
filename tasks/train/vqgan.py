"""Image tokens by a VQGAN instead of the paper's discrete VAE."""

from pathlib import Path

from pydantic import Field

from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import stage
from tasks.errors import ConfigError
from tasks.train.trainer import READS_PAIRS, TokenizerStageConfig, train_tokenizer


class Config(TokenizerStageConfig):
    """Layout and training of the VQGAN, and the share of its codes that it must use."""

    model: VQGANModelConfig = Field(default_factory=VQGANModelConfig)
    training: VQGANTrainingConfig = Field(default_factory=VQGANTrainingConfig)

    def outside_state(self) -> str:
        """Digest of the perceptual network, where one is named.

        Raises:
            ConfigError: there is no such file.
        """
        network = self.training.perceptual_network
        if network is None:
            return ""
        if not Path(network).is_file():
            raise ConfigError(f"There is no file {network}: name a TorchScript file in perceptual_network.")
        return storage.sha256(Path(network).read_bytes())


@stage(Config, reads=READS_PAIRS, headline=("psnr", "codes_used"))
def train_vqgan(config: Config, output: Output, pairs: Artifact) -> None:
    """Image tokens by a VQGAN (Esser et al. 2021) instead of the paper's discrete VAE."""
    train_tokenizer("models.vqgan.train", config, output, pairs, remedy="raise vqgan.training.restart_below")
