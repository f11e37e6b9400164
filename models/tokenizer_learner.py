"""What the trainers of image tokenizers share: batches of images, validation by reconstruction, and their jobs."""

from pathlib import Path

import torch
from torch import Tensor

from models.config import Frozen, TokenizerModelConfig
from models.reconstruction import ImageBatch, reconstruction_metrics
from models.tokenizer import ImageTokenizer, float_to_pixels, pixels_to_float
from models.training.checkpoint import load_weights
from models.training.config import ImageShards, Sharding, TokenizerTrainingConfig
from models.training.data import IMAGE, PAIR_ID, Pairs
from models.training.distributed import Ranks
from models.training.entry import run
from models.training.loading_learner import LoadingLearner
from models.training.loop import Batch
from models.training.pictures import code_histogram, rows_of
from models.training.randomness import Step
from models.training.records import write_done
from models.training.validation import shares
from models.training.windows import Rows

_VALIDATION_BATCH = 64
_SHOWN = 8  # images in a picture of reconstructions


class TokenizerJob(Frozen):
    """Content of the job file of an image tokenizer's trainer.

    Attributes:
        pretrained: folder of a trained model to measure; nothing is trained then.
    """

    model: TokenizerModelConfig
    training: TokenizerTrainingConfig
    data: ImageShards
    sharding: Sharding = Sharding()
    out: str
    pretrained: str | None = None


class TokenizerLearner(LoadingLearner):
    """Learns from images without captions; each kind of tokenizer adds `forward`, the losses of a step."""

    model: ImageTokenizer
    training_config: TokenizerTrainingConfig
    val: Pairs

    def __init__(self, model: ImageTokenizer, training: TokenizerTrainingConfig, train: Pairs, val: Pairs) -> None:
        super().__init__(model, training, train.shards, [PAIR_ID, IMAGE], train.workers, val)
        self.pairs = train

    def collate(self, step: Step, rows: Rows) -> Batch:
        """{"images": uint8 [B, 3, H, W]}."""
        c, size = self.training_config, self.model.config.image_size
        if c.augment:
            return {"images": self.pairs.crops_of(rows, size, step.of_examples("crop", c.batch_size))}
        return {"images": self.pairs.squares_of(rows, size)}

    def validate(self) -> dict[str, float]:
        """What `measure` gives, and PSNR, usage and perplexity of training images, named `train_`."""
        seen = self._batches(self.pairs)
        self.calibrate(seen)
        trained_on = _of_training(reconstruction_metrics(self.model, seen)) if len(self.val) else {}
        return trained_on | self.measure()

    def measure(self) -> dict[str, float]:
        """`figures` of held-out images; of training images if there are none, and then named `train_`."""
        if len(self.val):
            return self.figures(self._batches(self.val))
        return _of_training(self.figures(self._batches(self.pairs)))

    def figures(self, batches: list[ImageBatch]) -> dict[str, float]:
        """All that is measured of held-out images, over all ranks; no more than of training images here."""
        return reconstruction_metrics(self.model, batches)

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Images above their reconstructions, held-out ones if there are any, and the use of the codes."""
        pairs = self.val if len(self.val) else self.pairs
        count = min(len(pairs), self.training_config.validation_images, _VALIDATION_BATCH)
        images = pairs.squares(range(count), self.model.config.image_size).to(self.model.device)
        codes = self.model.encode(pixels_to_float(images))
        shown = images[:_SHOWN].contiguous(), float_to_pixels(self.model.decode(codes[:_SHOWN]))
        counts = torch.bincount(codes.flatten().cpu(), minlength=self.model.config.vocab_size)
        return {"reconstructions": rows_of(*(row.cpu() for row in shown)), "codes": code_histogram(counts)}

    def score(self, metrics: dict[str, float]) -> float | None:
        """PSNR on held-out images."""
        return metrics.get("psnr")

    def calibrate(self, batches: list[ImageBatch]) -> None:
        """Set constants for inference from training images, over all ranks; does nothing by default."""

    def _batches(self, pairs: Pairs) -> list[ImageBatch]:
        """This rank's batches of a validation."""
        count, size = min(len(pairs), self.training_config.validation_images), self.model.config.image_size
        own = shares(count, _VALIDATION_BATCH)
        return [ImageBatch(pairs.squares(share.rows, size), share.rows.start, share.counts) for share in own]


def train_or_measure(learner: TokenizerLearner, job: TokenizerJob, ranks: Ranks) -> None:
    """Train, or write the figures of a trained model to done.json.

    Raises:
        CheckpointError: the folder does not hold a model of the job's shape.
        TrainingError, ValueError: as from `run`.
    """
    if job.pretrained is None:
        run(learner, job, ranks)
        return
    load_weights(learner.model, Path(job.pretrained), ranks.device)
    metrics = learner.eval().measure()
    if ranks.is_first:
        Path(job.out).mkdir(parents=True, exist_ok=True)
        write_done(Path(job.out), {"metrics": metrics}, ())


def _of_training(figures: dict[str, float]) -> dict[str, float]:
    return {f"train_{name}": value for name, value in figures.items()}
