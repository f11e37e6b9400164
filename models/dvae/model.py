"""The discrete variational autoencoder: images to codes and back."""

import torch
from torch import Tensor, nn

from models.dvae.config import DVAEModelConfig
from models.dvae.layers import COLOURS, DVAEDecoder, DVAEEncoder
from models.dvae.losses import phi, phi_inverse
from models.dvae.standardise import LogitStandardiser
from models.tokenizer import ImageTokenizer


class DVAE(ImageTokenizer):
    """DVAEEncoder and decoder, with the pixel map phi before the one and after the other (paper 2.1, A)."""

    config_type = DVAEModelConfig
    config: DVAEModelConfig

    def __init__(self, config: DVAEModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = DVAEEncoder(config)
        self.decoder = DVAEDecoder(config)
        self.standardise: nn.Module = (
            LogitStandardiser(config.vocab_size, config.logit_scale) if config.standardise_logits else nn.Identity()
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def raw_logits(self, images: Tensor) -> Tensor:
        """Images in [0, 1], [B, 3, H, W], to the encoder's own logits, fp32 [B, V, h, w]."""
        logits: Tensor = self.encoder(phi(images))
        return logits

    def logits(self, images: Tensor) -> Tensor:
        """Images in [0, 1], [B, 3, H, W], to logits over the codes, fp32 [B, V, h, w]."""
        logits: Tensor = self.standardise(self.raw_logits(images))
        return logits

    def encode(self, images: Tensor) -> Tensor:
        """The most likely codes in raster order, int64 [B, h*w] (2.2: argmax, no noise)."""
        return self.logits(images).permute(0, 2, 3, 1).argmax(-1).flatten(1)

    def decode_soft(self, soft: Tensor) -> tuple[Tensor, Tensor]:
        """Code weights [B, V, h, w] to mu and ln b in logit space, each fp32 [B, 3, H, W]."""
        return self._split(self.decoder(soft))

    def decode_hard(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes, int64 [B, h*w], to mu and ln b, each fp32 [B, 3, H, W]."""
        grid = self.config.grid
        return self._split(self.decoder.from_codes(codes.reshape(-1, grid, grid)))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes, int64 [B, h*w], to images in [0, 1], fp32 [B, 3, H, W]; ln b is not used (A.3)."""
        return self.images(self.decode_hard(codes)[0])

    def images(self, mu: Tensor) -> Tensor:
        """mu in logit space, fp32 [B, 3, H, W], to images in [0, 1]."""
        return phi_inverse(mu.sigmoid())

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_scale = outputs.float().split(COLOURS, dim=1)
        if self.config.min_log_scale is not None:
            log_scale = log_scale.clamp(min=self.config.min_log_scale)
        return mu, log_scale
