"""The VQGAN: images to codes and back."""

import torch
from torch import Tensor

from models.tokenizer import ImageTokenizer
from models.vqgan.config import VQGANModelConfig
from models.vqgan.layers import VQGANDecoder, VQGANEncoder, convolution
from models.vqgan.quantiser import Quantiser


class VQGAN(ImageTokenizer):
    """VQGANEncoder, code book and decoder. The network's images lie in [-1, 1], those of the interface in [0, 1]."""

    config_type = VQGANModelConfig
    config: VQGANModelConfig

    def __init__(self, config: VQGANModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VQGANEncoder(config)
        self.quant_conv = convolution(config.latent_channels, config.code_length, 1)
        self.quantize = Quantiser(config.vocab_size, config.code_length)
        self.post_quant_conv = convolution(config.code_length, config.latent_channels, 1)
        self.decoder = VQGANDecoder(config)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def latents(self, images: Tensor) -> Tensor:
        """Images in [-1, 1], [B, 3, H, W], to what is quantised, fp32 [B, D, h, w]."""
        latents: Tensor = self.quant_conv(self.encoder(images))
        return latents.float()

    def rebuilt(self, vectors: Tensor) -> Tensor:
        """Vectors of codes, [B, D, h, w], to images that should lie in [-1, 1], fp32 [B, 3, H, W]."""
        images: Tensor = self.decoder(self.post_quant_conv(vectors))
        return images.float()

    def encode(self, images: Tensor) -> Tensor:
        """The nearest codes in raster order, int64 [B, h*w]."""
        codes: Tensor = self.quantize(self.latents(signed(images)))
        return codes.flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        """The images that codes [B, h*w] stand for: fp32 [B, 3, H, W] in [0, 1]."""
        grid = self.config.grid
        return unsigned(self.rebuilt(self.quantize.vectors(codes.reshape(-1, grid, grid))))


def signed(images: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return 2.0 * images - 1.0


def unsigned(images: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]; values beyond are clamped."""
    return ((images + 1.0) / 2.0).clamp(0.0, 1.0)
