"""Limits that an image tokenizer must keep before anything is built on it, trained here or elsewhere."""

from collections.abc import Mapping

from pydantic import Field

from models.config import Frozen
from tasks.errors import CollapsedCodesError


class TokenizerHealth(Frozen):
    """Limits on what a tokenizer does with held-out images, or with training images if none are held out."""

    check: bool = Field(True, description="Refuse a model beyond a limit; false goes on with any model.")
    least_usage: float = Field(0.05, ge=0, le=1, description="Share of the codes that must occur in these images.")
    least_perplexity: float = Field(
        0.01, ge=0, le=1, description="How rich the codes must be: their perplexity as a share of the vocabulary."
    )
    least_psnr: float = Field(12.0, ge=0, description="Of reconstructions, dB; one colour everywhere gives about 10.")

    def complaints(self, figures: Mapping[str, float], vocab_size: int, section: str) -> list[str]:
        """What is beyond a limit, each as a part of a sentence; empty if nothing is.

        Args:
            figures: the trainer's metrics of one set of images.
            section: of the config, to name a limit by.
        """
        found = []
        if figures["usage"] < self.least_usage:
            limit = f"{section}.least_usage ({self.least_usage:.0%})"
            found.append(f"uses {figures['usage']:.0%} of its codes, fewer than {limit}")
        if (share := figures["perplexity"] / vocab_size) < self.least_perplexity:
            limit = f"{section}.least_perplexity ({self.least_perplexity:.1%})"
            found.append(f"has a perplexity of {figures['perplexity']:.1f}, {share:.1%} of its codes, below {limit}")
        if figures["psnr"] < self.least_psnr:
            limit = f"{section}.least_psnr ({self.least_psnr:g})"
            found.append(f"rebuilds images with {figures['psnr']:.1f} dB, below {limit}")
        return found


class DVAEHealth(TokenizerHealth):
    """The limits of any tokenizer, and two on the dVAE's objective."""

    least_kl: float = Field(0.1, ge=0, description="KL of a cell's codes from uniform, nats; 0 says nothing.")
    most_elb_gap: float = Field(1.0, ge=0, description="Nats per pixel of the bound that hard codes may lose.")

    def complaints(self, figures: Mapping[str, float], vocab_size: int, section: str) -> list[str]:
        """As of any tokenizer, and of the objective."""
        found = super().complaints(figures, vocab_size, section)
        if figures["kl_per_cell"] < self.least_kl:
            limit = f"{section}.least_kl ({self.least_kl:g})"
            found.append(f"says {figures['kl_per_cell']:.3f} nats in a cell, below {limit}")
        if figures["elb_gap"] > self.most_elb_gap:
            limit = f"{section}.most_elb_gap ({self.most_elb_gap:g})"
            found.append(f"loses {figures['elb_gap']:.2f} nats per pixel to hard codes, more than {limit}")
        return found


def require_health(
    health: TokenizerHealth, metrics: Mapping[str, float], vocab_size: int, kind: str, remedy: str
) -> None:
    """Refuses a model beyond a limit.

    Args:
        metrics: the trainer's; those of training images begin with `train_`; need not be there without a check.
        kind: of tokenizer, which is its section of the config.
        remedy: what to do about it.

    Raises:
        CollapsedCodesError: a figure is beyond its limit.
    """
    seen = {name.removeprefix("train_"): value for name, value in metrics.items() if name.startswith("train_")}
    complaints = health.complaints({**seen, **metrics}, vocab_size, f"{kind}.health") if health.check else []
    if complaints:
        raise CollapsedCodesError(f"The image tokenizer {', and '.join(complaints)}: {remedy}.")
