"""Train the prior: `python -m torch.distributed.run --standalone -m models.prior.train JOB.json`."""

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import Frozen
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.losses import image_loss, prior_loss, text_loss
from models.prior.model import Prior
from models.prior.sampling import check_vocabulary
from models.text.bpe import BPE, load_bpe
from models.training.config import TextImageShards
from models.training.distributed import Ranks
from models.training.entry import main, prepare, run
from models.training.errors import DataError
from models.training.loop import Batch, Learner
from models.training.muon import Matrix
from models.training.randomness import Step
from models.training.shards import read_codes

_VALIDATION_BATCH = 32

Tokens = tuple[list[str], NDArray[np.uint16]]  # captions, codes [rows, n]


class PriorJob(Frozen):
    """Content of the job file of `models.prior.train`."""

    model: PriorModelConfig
    training: PriorTrainingConfig
    data: TextImageShards
    out: str


class PriorLearner(Learner):
    """Next-symbol prediction on captions and codes."""

    model: Prior

    def __init__(
        self, model: Prior, training: PriorTrainingConfig, bpe: BPE, train: Tokens, val: Tokens | None
    ) -> None:
        super().__init__()
        self.model = model
        self.training_config = training
        self.bpe = bpe
        self.tokens = train
        self.val = val

    def batch(self, step: Step) -> Batch:
        """{"captions": int64 [B, caption_length], "codes": int64 [B, n]}."""
        captions, codes = self.tokens
        c = self.training_config
        indices = step.indices(len(captions), c.batch_size)
        chosen = [captions[i] for i in indices]
        ids = self.bpe.encode_with_dropout(chosen, c.bpe_dropout, step.numpy("bpe"))
        return {"captions": ids, "codes": torch.from_numpy(codes[indices].astype(np.int64))}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss and its parts, text and image, in nats per symbol."""
        return self._losses(batch["captions"], batch["codes"])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses without BPE dropout on training rows, and on validation rows if there are any."""
        metrics = {f"train_{name}": value for name, value in self._mean_losses(self.tokens).items()}
        return metrics | (self._mean_losses(self.val) if self.val else {})

    def held_out(self) -> int:
        """Rows that training does not see."""
        return len(self.val[0]) if self.val else 0

    def matrices(self) -> list[Matrix]:
        """The weight matrices of all blocks."""
        return self.model.matrices()

    def _losses(self, captions: Tensor, codes: Tensor) -> dict[str, Tensor]:
        c = self.training_config
        text_logits, image_logits = self.model(captions, codes)
        targets = self.model.text_targets(captions)
        text = text_loss(text_logits, targets, self.model.config.text_vocab, c.padding_in_text_loss)
        image = image_loss(image_logits, codes)
        return {"loss": prior_loss(text, image, c.text_weight), "text": text, "image": image}

    def _mean_losses(self, tokens: Tokens) -> dict[str, float]:
        captions, codes = tokens
        rows = min(len(captions), self.training_config.validation_rows)
        device = next(self.model.parameters()).device
        sums: dict[str, float] = {}
        for start in range(0, rows, _VALIDATION_BATCH):
            chosen = slice(start, min(start + _VALIDATION_BATCH, rows))
            ids = self.bpe.encode(captions[chosen]).to(device)
            part = torch.from_numpy(codes[chosen].astype(np.int64)).to(device)
            for name, value in self._losses(ids, part).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part)
        return {name: value / rows for name, value in sums.items()}


def train(job: PriorJob, ranks: Ranks) -> None:
    """Train the prior that a job describes.

    Raises:
        DataError: token shards are unreadable or do not fit the model.
        ValueError: the text tokenizer does not fit the model.
        TrainingError, ValueError: as from `run`.
    """
    prepare(job.training, ranks)
    bpe = load_bpe(job.data.bpe)
    tokens = checked_codes(job.data.train, job.model)
    val = checked_codes(job.data.val, job.model) if job.data.val else None
    model = Prior(job.model)
    check_vocabulary(model, bpe)
    run(PriorLearner(model, job.training, bpe, tokens, val), job, ranks)


def checked_codes(uris: tuple[str, ...], model: PriorModelConfig) -> Tokens:
    """Captions and codes, uint16 [rows, n], of token shards, checked to fit the model.

    Raises:
        DataError: a shard is unreadable or empty, of another grid, or has codes beyond the vocabulary.
    """
    captions, codes = read_codes(uris)
    if codes.shape[1] != model.codes_per_image:
        raise DataError(f"token rows of {codes.shape[1]} codes do not fit a prior of {model.codes_per_image}")
    if int(codes.max()) >= model.image_vocab:
        raise DataError(f"code {int(codes.max())} is beyond the prior's image vocabulary of {model.image_vocab}")
    return captions, codes


if __name__ == "__main__":
    sys.exit(main(PriorJob, train, sys.argv[1:]))
