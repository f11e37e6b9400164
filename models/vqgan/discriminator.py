"""The patch discriminator, which tells regions of real images from regions of rebuilt ones."""

from torch import Tensor, nn
from torch.func import functional_call

from models.vqgan.config import VQGANTrainingConfig
from models.vqgan.layers import COLOURS, normalisation

_KERNEL = 4
_MOST_DOUBLINGS = 3  # of the channels
_SLOPE = 0.2


class Discriminator(nn.Module):
    """Strided convolutions to one logit for each of many overlapping regions (Isola et al. 2017, section 3.2.2).

    Group instead of batch normalisation: an image's logits then depend neither on the images beside it nor on the
    number of ranks.
    """

    def __init__(self, c: VQGANTrainingConfig, image_size: int) -> None:
        """Raises:
        ValueError: so small an image leaves no region.
        """
        super().__init__()
        left = image_size // 2**c.discriminator_layers
        if left < _KERNEL - 1:
            raise ValueError(
                f"discriminator_layers {c.discriminator_layers} leave {left} pixels of an image of {image_size}, "
                f"and the discriminator needs {_KERNEL - 1}: set fewer"
            )
        layers: list[nn.Module] = [nn.Conv2d(COLOURS, c.discriminator_channels, _KERNEL, 2, 1), nn.LeakyReLU(_SLOPE)]
        inputs = c.discriminator_channels
        for layer in range(1, c.discriminator_layers + 1):
            outputs = c.discriminator_channels * 2 ** min(layer, _MOST_DOUBLINGS)
            stride = 2 if layer < c.discriminator_layers else 1
            layers += [
                nn.Conv2d(inputs, outputs, _KERNEL, stride, 1, bias=False),
                normalisation(outputs),
                nn.LeakyReLU(_SLOPE),
            ]
            inputs = outputs
        self.main = nn.Sequential(*layers, nn.Conv2d(inputs, 1, _KERNEL, 1, 1))
        for module in self.main:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """Images in [-1, 1], [B, 3, H, W], to logits, fp32 [B, 1, h, w], positive for real images."""
        logits: Tensor = self.main(images)
        return logits.float()

    def frozen(self, images: Tensor) -> Tensor:
        """The same logits, with gradients for the images and none for the discriminator."""
        weights = {name: weight.detach() for name, weight in self.named_parameters()}
        logits: Tensor = functional_call(self, weights, (images,))
        return logits
