"""The Inception network of FID (Heusel et al. 2017) and IS (Salimans et al. 2016), out of a TorchScript file.

Such files differ in how they are asked. Two kinds are known, told apart by the arguments of their `forward`, and both
take RGB grey levels as uint8 [N, 3, H, W] and bring pictures to 299 pixels themselves:

- with an argument `return_features`, as NVIDIA's `inception-2015-12-05.pt`: the features [N, D] on demand, else the
  probabilities, with `no_output_bias` those of IS, whose authors left the last layer's bias out;
- with pictures alone, as torch-fidelity's extractor of "2048" and "logits_unbiased" when it is saved as TorchScript:
  a pair of features [N, D] and logits [N, C].
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.features.files import is_torchscript
from models.features.network import FeatureNetwork, Images, Seen
from models.training.errors import CheckpointError

ON_DEMAND, WITHOUT_BIAS = "return_features", "no_output_bias"
ROUNDING = 1e-3


class Inception(FeatureNetwork):
    """A TorchScript file. Loading it runs code that it holds.

    Raises:
        CheckpointError: the file holds no such network.
    """

    def __init__(self, file: Path, device: str = "cpu") -> None:
        if not is_torchscript(file):
            raise CheckpointError(f"{file} is no TorchScript file.")
        self.name = f"Inception, {file.name}"
        self.device = device
        try:
            self.network: Any = torch.jit.load(str(file), map_location=device).eval()
        except RuntimeError as error:
            raise CheckpointError(f"{file} cannot be loaded as TorchScript.") from error
        self.arguments = {argument.name for argument in self.network.forward.schema.arguments}

    @torch.inference_mode()
    def _see(self, images: Images) -> Seen:
        pixels = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).contiguous()
        features, probabilities = self._on_demand(pixels) if ON_DEMAND in self.arguments else self._both(pixels)
        if features.ndim != 2 or probabilities.ndim != 2:
            raise CheckpointError(f"{self.name}, gives features of shape {tuple(features.shape)}, not [N, D].")
        return Seen(features.float().cpu().numpy(), probabilities.float().cpu().numpy())

    def _on_demand(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network(pixels, return_features=True)
        probabilities = self.network(pixels, **({WITHOUT_BIAS: True} if WITHOUT_BIAS in self.arguments else {}))
        if (probabilities.sum(1) - 1).abs().max() > ROUNDING:
            raise CheckpointError(f"{self.name}, gives no probabilities that sum to one.")
        return features, probabilities

    def _both(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(pixels)
        if not isinstance(found, tuple) or len(found) != 2:
            raise CheckpointError(
                f"{self.name}, gives neither features on demand (`return_features`) nor a pair of features and logits."
            )
        features, logits = found
        return features, logits.softmax(1)
