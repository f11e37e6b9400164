"""Small networks of both kinds of TorchScript files that Inception is published in, with features that are known."""

from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 4


class OnDemand(nn.Module):
    """Asked as NVIDIA's file: features on demand, else probabilities, with or without the last layer's bias."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(6, CLASSES)

    def forward(self, img: Tensor, return_features: bool = False, no_output_bias: bool = False) -> Tensor:
        features = means_and_spreads(img)
        if return_features:
            return features
        logits = self.output(features)
        return (logits - self.output.bias if no_output_bias else logits).softmax(1)


class Both(nn.Module):
    """Asked as torch-fidelity's extractor: a pair of features and logits."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(6, CLASSES)

    def forward(self, img: Tensor) -> tuple[Tensor, Tensor]:
        features = means_and_spreads(img)
        return features, self.output(features)


class FeaturesAlone(nn.Module):
    def forward(self, img: Tensor) -> Tensor:
        return means_and_spreads(img)


def means_and_spreads(img: Tensor) -> Tensor:
    """Of each colour, in units of 255: [N, 6]."""
    assert img.dtype == torch.uint8
    pixels = img.to(torch.float32).flatten(2) / 255
    return torch.cat([pixels.mean(2), pixels.std(2)], 1)


def write_network(file: Path, network: nn.Module, seed: int = 0) -> Path:
    """The network as a TorchScript file, with a last layer that depends on the seed."""
    torch.manual_seed(seed)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    torch.jit.script(network.eval()).save(str(file))
    return file
