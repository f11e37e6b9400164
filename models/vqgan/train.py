"""Train the VQGAN: `python -m torch.distributed.run --standalone -m models.vqgan.train JOB.json`."""

import sys

import torch
from torch import Tensor

from models.tokenizer import pixels_to_float
from models.tokenizer_learner import TokenizerJob, TokenizerLearner, train_or_measure
from models.training.data import Pairs, opened
from models.training.distributed import Ranks
from models.training.entry import end, main, prepare
from models.training.loop import Batch
from models.training.randomness import Step
from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig
from models.vqgan.discriminator import Discriminator
from models.vqgan.losses import PerceptualDistance, adaptive_weight, commitment, hinge_loss
from models.vqgan.model import VQGAN, signed
from models.vqgan.quantiser import CodeBookAverage, straight_through


class VQGANJob(TokenizerJob):
    """Content of the job file of `models.vqgan.train`."""

    model: VQGANModelConfig
    training: VQGANTrainingConfig


class VQGANLearner(TokenizerLearner):
    """Reconstruction of training images through their codes, and as an option against a discriminator.

    Generator (the VQGAN) and discriminator are updated at once, from one loss: the sum of their two losses, each
    detached from the other's weights. So the gradient of the sum is, for every weight, that of its own loss; and one
    AdamW over all weights does what two would, because it treats each weight on its own. The shared loop needs no
    change for it, and its checkpoint holds the discriminator's weights and moments with all others. The authors
    update the generator first and then rebuild the images for the discriminator, which costs a second forward pass.
    """

    model: VQGAN
    training_config: VQGANTrainingConfig

    def __init__(
        self,
        model: VQGAN,
        training: VQGANTrainingConfig,
        train: Pairs,
        val: Pairs,
        perceptual: PerceptualDistance | None = None,
    ) -> None:
        super().__init__(model, training, train, val)
        c = model.config
        self.average = CodeBookAverage(c.vocab_size, c.code_length, training.code_book_decay)
        self.discriminator = Discriminator(training, c.image_size) if training.adversarial_weight > 0 else None
        self.perceptual = perceptual

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss and its parts, on images in [-1, 1]; usage is the share of codes that the step's images use."""
        c = self.training_config
        images = signed(pixels_to_float(batch["images"]))
        latents = self.model.latents(images)
        codes = self.model.quantize(latents)
        vectors = self.model.quantize.vectors(codes)
        rebuilt = self.model.rebuilt(straight_through(latents, vectors))
        fidelity = (images - rebuilt).abs().mean()
        committed = commitment(latents, vectors)
        parts = {
            "reconstruction": fidelity,
            "commitment": committed,
            "usage": self._move_code_book(latents, codes, step),
        }
        if self.perceptual is not None:
            parts["perceptual"] = self.perceptual(images, rebuilt)
            fidelity = fidelity + c.perceptual_weight * parts["perceptual"]
        loss = fidelity + c.commitment_weight * committed
        if self.discriminator is not None:
            against, more = self._adversarial(self.discriminator, images, rebuilt, fidelity, step)
            loss, parts = loss + against, parts | more
        return {"loss": loss} | parts

    def _move_code_book(self, latents: Tensor, codes: Tensor, step: Step) -> Tensor:
        rows = latents.detach().permute(0, 2, 3, 1).flatten(0, 2)
        code_book, below = self.model.quantize.embedding, self.training_config.restart_below
        chosen = self.average.update(code_book, rows, codes.flatten())
        if below is not None:
            self.average.restart(code_book, rows, step, below)
        return (chosen > 0).float().mean()

    def _adversarial(
        self, discriminator: Discriminator, images: Tensor, rebuilt: Tensor, fidelity: Tensor, step: Step
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum of both adversarial losses, each with a gradient for its own weights only, and its parts."""
        c = self.training_config
        if step.number < c.adversarial_start:
            # With several ranks every weight must have a gradient, here of zero.
            return torch.stack([0.0 * weight.sum() for weight in discriminator.parameters()]).sum(), {}
        discriminating = hinge_loss(discriminator(images), discriminator(rebuilt.detach()))
        fooling = -discriminator.frozen(rebuilt).mean()
        weight = c.adversarial_weight * adaptive_weight(
            fidelity, fooling, self.model.decoder.conv_out.weight, step.world
        )
        parts = {"discriminator": discriminating, "adversarial": fooling, "adversarial_weight": weight}
        return weight * fooling + discriminating, parts


def train(job: VQGANJob, ranks: Ranks) -> None:
    """Train the VQGAN that a job describes, or measure the trained one that it names."""
    prepare(job.training, ranks)
    pairs, val = opened(job.data, ranks)
    path = job.training.perceptual_network
    perceptual = None if path is None else PerceptualDistance(path, ranks.device)
    train_or_measure(VQGANLearner(VQGAN(job.model), job.training, pairs, val, perceptual), job, ranks)


if __name__ == "__main__":
    end(main(VQGANJob, train, sys.argv[1:]))
