"""The VQGAN's losses (Esser et al. 2021, section 3.1)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.distributed import sum_over_ranks
from models.training.errors import CheckpointError

_MOST_WEIGHT = 1e4
_EPS = 1e-4


def commitment(latents: Tensor, vectors: Tensor) -> Tensor:
    """Mean squared distance of latent vectors to their codes, both [B, D, h, w]; the codes get no gradient."""
    return F.mse_loss(latents, vectors.detach())


def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, of its logits for real and for rebuilt images, any shapes."""
    return (F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()) / 2


def adaptive_weight(fidelity: Tensor, adversarial: Tensor, last: Tensor, world: int) -> Tensor:
    """Weight with which the adversarial loss has the gradient norm of the other at the last layer (equation 7).

    Args:
        fidelity: mean loss of this rank's images against the originals.
        adversarial: mean of the generator's loss against the discriminator, on this rank.
        last: weight of the decoder's last layer, which both depend on.
        world: number of ranks; the gradients are averaged over them, so that all have one weight.

    Returns:
        Norm of the first loss's gradient over that of the second, from 0 to 10^4; without gradient.
    """
    wanted, other = (
        sum_over_ranks(torch.autograd.grad(loss, last, retain_graph=True)[0] / world).norm()
        for loss in (fidelity, adversarial)
    )
    return (wanted / (other + _EPS)).clamp(max=_MOST_WEIGHT).detach()


class PerceptualDistance:
    """A fixed network of the user's own that says how different two images look.

    Not a module, so that it is neither trained nor saved with what is.
    """

    def __init__(self, path: str, device: torch.device) -> None:
        """Read a TorchScript file.

        Raises:
            CheckpointError: the file cannot be read.
        """
        try:
            self._network = torch.jit.load(path, map_location=device).eval()
        except (OSError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"cannot load the perceptual network {path}: {error}") from error
        for parameter in self._network.parameters():
            parameter.requires_grad_(False)

    def __call__(self, images: Tensor, others: Tensor) -> Tensor:
        """Mean distance of pairs of images in [-1, 1], both [B, 3, H, W]."""
        distances: Tensor = self._network(images, others)
        return distances.float().mean()
