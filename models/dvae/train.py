"""Train the dVAE: `python -m torch.distributed.run --standalone -m models.dvae.train JOB.json`."""

import sys

import torch
from torch import Tensor

from models.config import Frozen
from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.dvae.losses import dvae_loss, gumbel_softmax, kl_to_uniform, logit_laplace_nll, phi
from models.dvae.model import DVAE
from models.dvae.standardise import LogitStandardiser
from models.reconstruction import reconstruction_metrics
from models.tokenizer import pixels_to_float
from models.training.config import ImageShards
from models.training.data import Pairs
from models.training.distributed import Ranks
from models.training.entry import main, prepare, run
from models.training.loop import Batch, Learner
from models.training.randomness import Step
from models.training.schedules import cosine_ramp

_VALIDATION_BATCH = 64


class DVAEJob(Frozen):
    """What models.dvae.train is told to do."""

    model: DVAEModelConfig
    training: DVAETrainingConfig
    data: ImageShards
    out: str


class DVAELearner(Learner):
    """Relaxed reconstruction of training images; validation with hard codes."""

    model: DVAE

    def __init__(self, model: DVAE, training: DVAETrainingConfig, train: Pairs, val: Pairs) -> None:
        super().__init__()
        self.model = model
        self.training_config = training
        self.pairs = train
        self.val = val

    def batch(self, step: Step) -> Batch:
        """{"images": uint8 [B, 3, H, W]}."""
        indices = step.indices(len(self.pairs), self.training_config.batch_size)
        size = self.model.config.image_size
        if self.training_config.augment:
            return {"images": self.pairs.crops(indices, size, step)}
        return {"images": self.pairs.squares(indices, size)}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss and its parts: reconstruction in nats per colour value, KL in nats per code."""
        images = pixels_to_float(batch["images"])
        logits = self.model.logits(images)
        soft = gumbel_softmax(logits, self._tau(step), step.generator("gumbel", logits.device))
        mu, log_scale = self.model.decode_soft(soft)
        nll = logit_laplace_nll(phi(images), mu, log_scale)
        kl = kl_to_uniform(logits)
        return {"loss": dvae_loss(nll, kl, self._beta(step)), "reconstruction": nll.mean(), "kl": kl.mean()}

    def settings(self, step: Step) -> dict[str, float]:
        """Temperature and KL weight of a step."""
        return {"tau": self._tau(step), "beta": self._beta(step)}

    def validate(self) -> dict[str, float]:
        """PSNR, codes used and perplexity of the hard version, on training and held-out images."""
        seen = self._batches(self.pairs)
        if isinstance(self.model.standardise, LogitStandardiser):
            self._measure(self.model.standardise, seen)
        metrics = {f"train_{name}": value for name, value in reconstruction_metrics(self.model, seen).items()}
        if len(self.val):
            metrics |= reconstruction_metrics(self.model, self._batches(self.val))
        return metrics

    @torch.no_grad()
    def _measure(self, standardiser: LogitStandardiser, batches: list[Tensor]) -> None:
        device = next(self.model.parameters()).device
        standardiser.measure(self.model.raw_logits(pixels_to_float(b.to(device))) for b in batches)

    def _batches(self, pairs: Pairs) -> list[Tensor]:
        count = min(len(pairs), self.training_config.validation_images)
        size = self.model.config.image_size
        starts = range(0, count, _VALIDATION_BATCH)
        return [pairs.squares(range(i, min(i + _VALIDATION_BATCH, count)), size) for i in starts]

    def _tau(self, step: Step) -> float:
        c = self.training_config
        return cosine_ramp(c.tau_start, c.tau_end, c.tau_steps, step.number)

    def _beta(self, step: Step) -> float:
        c = self.training_config
        return cosine_ramp(0.0, c.beta, c.beta_steps, step.number)


def train(job: DVAEJob, ranks: Ranks) -> None:
    """Train a dVAE as the job says."""
    prepare(job.training, ranks)
    pairs = Pairs(job.data.train, job.data.cache_mb)
    val = Pairs(job.data.val, job.data.cache_mb)
    run(DVAELearner(DVAE(job.model), job.training, pairs, val), job, ranks)


if __name__ == "__main__":
    sys.exit(main(DVAEJob, train, sys.argv[1:]))
