"""What the trainers of image tokenizers share: batches of images, and validation by reconstruction."""

from torch import Tensor

from models.reconstruction import reconstruction_metrics
from models.tokenizer import ImageTokenizer
from models.training.config import TokenizerTrainingConfig
from models.training.data import Pairs
from models.training.loop import Batch, Learner
from models.training.randomness import Step

_VALIDATION_BATCH = 64


class TokenizerLearner(Learner):
    """Learns from images without captions; each kind of tokenizer adds `forward`, the losses of a step."""

    model: ImageTokenizer

    def __init__(self, model: ImageTokenizer, training: TokenizerTrainingConfig, train: Pairs, val: Pairs) -> None:
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

    def validate(self) -> dict[str, float]:
        """PSNR, codes used and perplexity of images through their codes, on training and held-out images."""
        seen = self._batches(self.pairs)
        self.calibrate(seen)
        metrics = {f"train_{name}": value for name, value in reconstruction_metrics(self.model, seen).items()}
        if len(self.val):
            metrics |= reconstruction_metrics(self.model, self._batches(self.val))
        return metrics

    def held_out(self) -> int:
        """Images that training does not see."""
        return len(self.val)

    def score(self, metrics: dict[str, float]) -> float | None:
        """PSNR on held-out images."""
        return metrics.get("psnr")

    def calibrate(self, batches: list[Tensor]) -> None:
        """Set constants for inference from training images, uint8 [B, 3, H, W] each; does nothing by default."""

    def _batches(self, pairs: Pairs) -> list[Tensor]:
        count = min(len(pairs), self.training_config.validation_images)
        size = self.model.config.image_size
        starts = range(0, count, _VALIDATION_BATCH)
        return [pairs.squares(range(i, min(i + _VALIDATION_BATCH, count)), size) for i in starts]
