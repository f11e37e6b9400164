"""Train the dVAE: `python -m torch.distributed.run --standalone -m models.dvae.train JOB.json`."""

import sys

import torch
from torch import Tensor

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.dvae.losses import dvae_loss, kl_to_uniform, logit_laplace_nll, phi, relaxed_codes, rows_shape
from models.dvae.model import DVAE
from models.dvae.objective import validation_metrics
from models.dvae.standardise import LogitStandardiser
from models.planning.convolutions import training_flops
from models.reconstruction import ImageBatch
from models.tokenizer import pixels_to_float
from models.tokenizer_learner import TokenizerJob, TokenizerLearner, train_or_measure
from models.training.data import Pairs, opened
from models.training.distributed import Ranks
from models.training.entry import end, main, prepare
from models.training.loop import Batch
from models.training.randomness import Step


class DVAEJob(TokenizerJob):
    """Content of the job file of `models.dvae.train`."""

    model: DVAEModelConfig
    training: DVAETrainingConfig


class DVAELearner(TokenizerLearner):
    """Relaxed reconstruction of training images; validation with hard codes, and of the bound with both."""

    model: DVAE
    training_config: DVAETrainingConfig

    def __init__(self, model: DVAE, training: DVAETrainingConfig, train: Pairs, val: Pairs) -> None:
        """Raises:
        ValueError: gradients are to be accumulated, but logits standardised by the statistics of a batch.
        """
        if training.accumulate > 1 and model.config.standardise_logits:
            raise ValueError("accumulate must be 1: standardise_logits needs the statistics of whole batches")
        super().__init__(model, training, train, val)

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss and its parts: reconstruction in nats per colour value, KL in nats per code."""
        images = pixels_to_float(batch["images"])
        logits = self.model.logits(images)
        noise = step.uniform("gumbel", self.training_config.batch_size, rows_shape(logits), logits.device)
        soft = relaxed_codes(logits, self._tau(step), noise)
        mu, log_scale = self.model.decode_soft(soft)
        nll = logit_laplace_nll(phi(images), mu, log_scale)
        kl = kl_to_uniform(logits)
        return {"loss": dvae_loss(nll, kl, self._beta(step)), "reconstruction": nll.mean(), "kl": kl.mean()}

    def settings(self, step: Step) -> dict[str, float]:
        """Temperature and KL weight of a step."""
        return {"tau": self._tau(step), "beta": self._beta(step)}

    def figures(self, batches: list[ImageBatch]) -> dict[str, float]:
        """Reconstructions, and the bound; its relaxed codes have the temperature at which the training ends."""
        c = self.training_config
        return validation_metrics(self.model, batches, c.tau_at(c.steps - 1), c.seed)

    def flops_per_example(self) -> int:
        """Of all convolutions."""
        return training_flops(self.model.config)

    @torch.no_grad()
    def calibrate(self, batches: list[ImageBatch]) -> None:
        """Measure the statistics with which the logits are standardised."""
        if isinstance(self.model.standardise, LogitStandardiser):
            device = self.model.device
            raw = ((self.model.raw_logits(pixels_to_float(b.images.to(device))), b.counts) for b in batches)
            self.model.standardise.measure(logits for logits, counts in raw if counts)

    def _tau(self, step: Step) -> float:
        return self.training_config.tau_at(step.number)

    def _beta(self, step: Step) -> float:
        return self.training_config.beta_at(step.number)


def train(job: DVAEJob, ranks: Ranks) -> None:
    """Train the dVAE that a job describes, or measure the trained one that it names.

    Raises:
        DataError: a shard is unreadable or holds no pairs.
        TrainingError, ValueError: as from `train_or_measure`.
    """
    prepare(job.training, ranks)
    train_or_measure(DVAELearner(DVAE(job.model), job.training, *opened(job.data, ranks)), job, ranks)


if __name__ == "__main__":
    end(main(DVAEJob, train, sys.argv[1:]))
