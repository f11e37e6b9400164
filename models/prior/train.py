"""Train the prior: `python -m torch.distributed.run --standalone -m models.prior.train JOB.json`."""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.config import Frozen
from models.planning.operations import model_flops
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.drawings import Drawings
from models.prior.losses import counted_targets, image_loss, prior_loss, text_loss
from models.prior.model import Prior
from models.prior.sampling import check_vocabulary
from models.text.bpe import BPE, load_bpe
from models.tokenizer import ImageTokenizer, load_tokenizer
from models.training.block_scale import Branch
from models.training.config import Sharding, TextImageShards
from models.training.data import CAPTION, PAIR_ID
from models.training.distributed import Ranks, sum_over_ranks, workers_of
from models.training.entry import end, main, prepare, run
from models.training.errors import DataError
from models.training.loading_learner import LoadingLearner
from models.training.loop import Batch
from models.training.muon import Matrix
from models.training.parts import load_parts
from models.training.randomness import Step
from models.training.shards import Shards
from models.training.validation import shares, total
from models.training.windows import CODES, Rows, tokens_of

_VALIDATION_BATCH = 32
_VALIDATION_BATCHES = 64  # read at a time
_COLUMNS = (PAIR_ID, CAPTION, CODES)


class PriorShards(TextImageShards):
    """Shards of tokens with the tokenizers that read them; without the image tokenizer's folder nothing is drawn."""

    image_tokenizer: str | None = None


class PriorJob(Frozen):
    """Content of the job file of `models.prior.train`.

    Attributes:
        start_from: folder of a trained prior of the same shape, whose weights are the first ones.
    """

    model: PriorModelConfig
    training: PriorTrainingConfig
    data: PriorShards
    sharding: Sharding = Sharding()
    out: str
    start_from: str | None = None


class PriorLearner(LoadingLearner):
    """Next-symbol prediction on captions and codes."""

    model: Prior
    training_config: PriorTrainingConfig
    val: Shards

    def __init__(
        self,
        model: Prior,
        training: PriorTrainingConfig,
        bpe: BPE,
        train: Shards,
        val: Shards,
        workers: int = 0,
        image_tokenizer: ImageTokenizer | None = None,
        start_from: Path | None = None,
    ) -> None:
        super().__init__(model, training, train, [CAPTION, CODES], workers, val)
        model.activation_checkpointing = training.activation_checkpointing
        self.bpe = bpe
        self.tokens = train
        self._start_from = start_from
        self._drawings: Drawings | None = None
        if image_tokenizer is not None and (count := min(len(val), training.drawings)):
            captions, codes = tokens_of(val, range(count))
            self._drawings = Drawings(captions, checked_codes(codes, model.config), bpe, image_tokenizer)

    def collate(self, step: Step, rows: Rows) -> Batch:
        """{"captions": int64 [B, caption_length], "codes", "seen_codes": int64 [B, n], "targets": int64 [B]}.

        Targets are the text targets of the whole batch that count, the same number for every row. Seen codes are what
        the model reads in place of the codes that it predicts.

        Raises:
            DataError: the codes do not fit the model.
        """
        c = self.training_config
        codes = checked_codes(rows[CODES], self.model.config)
        ids = self.bpe.encode_with_dropout(rows[CAPTION], c.bpe_dropout, step.of_examples("bpe", c.batch_size))
        targets = self.model.text_targets(ids)
        count = counted_targets(targets, self.model.config.text_vocab, c.padding_in_text_loss)
        seen = with_noise(codes, c.code_noise, self.model.config.image_vocab, step, c.batch_size)
        return {"captions": ids, "codes": codes, "seen_codes": seen, "targets": count.expand(len(ids)).clone()}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss and its parts, text and image, in nats per symbol."""
        count = sum_over_ranks(batch["targets"][0]) / (step.world * step.parts)
        return self._losses(batch["captions"], batch["codes"], batch["seen_codes"], count)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses without BPE dropout on training rows, and on validation rows if there are any."""
        metrics = {f"train_{name}": value for name, value in self._mean_losses(self.tokens).items()}
        return metrics | (self._mean_losses(self.val) if len(self.val) else {})

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """What it draws for the first held-out captions."""
        return self._drawings.of(self.model) if self._drawings else {}

    def initialise(self) -> None:
        """Take the weights of the prior to start from, or draw them from the seed of the training."""
        if self._start_from is not None:
            load_parts(self.model, self._start_from)
        else:
            self.model.initialise(self.training_config.seed)

    def matrices(self) -> list[Matrix]:
        """The weight matrices of all blocks."""
        return self.model.matrices()

    def in_sixteen_bits(self) -> list[Matrix]:
        """The weight matrices of all blocks, if the configuration asks for it."""
        return self.matrices() if self.training_config.moments == "paper" else []

    def blocks(self) -> list[nn.Module]:
        """The transformer's blocks."""
        return list(self.model.blocks)

    def tokens_per_example(self) -> int:
        """Positions of text and image."""
        return self.model.config.length

    def flops_per_example(self) -> int:
        """Of all matrix products; activations that are computed again do not count."""
        return model_flops(self.model.config)

    def scaled_branches(self) -> list[Branch]:
        """All residual blocks, if the configuration asks for a scale of each."""
        return self.model.branches() if self.training_config.loss_scale == "per_block" else []

    def _losses(
        self, captions: Tensor, codes: Tensor, seen_codes: Tensor, count: Tensor | None = None
    ) -> dict[str, Tensor]:
        c, model = self.training_config, self.model
        text_states, image_states = model.states(captions, seen_codes)
        targets, vocab = model.text_targets(captions), model.config.text_vocab
        text = text_loss(text_states, model.text_head, targets, vocab, c.padding_in_text_loss, count)
        image = image_loss(image_states, model.image_head, codes)
        return {"loss": prior_loss(text, image, c.text_weight), "text": text, "image": image}

    def _mean_losses(self, tokens: Shards) -> dict[str, float]:
        rows = min(len(tokens), self.training_config.validation_rows)
        device = next(self.model.parameters()).device
        sums = dict.fromkeys(("loss", "text", "image"), 0.0)
        own = shares(rows, _VALIDATION_BATCH)
        for first in range(0, len(own), _VALIDATION_BATCHES):
            batches = own[first : first + _VALIDATION_BATCHES]
            captions, codes = tokens_of(tokens, [row for batch in batches for row in batch.rows])
            lengths = [len(batch.rows) for batch in batches]
            ids, checked = self.bpe.encode(captions), checked_codes(codes, self.model.config)
            for batch, some_ids, some_codes in zip(batches, ids.split(lengths), checked.split(lengths), strict=True):
                part = some_codes.to(device)
                losses = self._losses(some_ids.to(device), part, part)
                if batch.counts:
                    for name in sums:
                        sums[name] += float(losses[name]) * len(part)
        return {name: value / rows for name, value in total(sums).items()}


def train(job: PriorJob, ranks: Ranks) -> None:
    """Train the prior that a job describes.

    Raises:
        DataError: token shards are unreadable or do not fit the model.
        ValueError: the text tokenizer does not fit the model, or FlexAttention is asked for without CUDA.
        CheckpointError: the folder to start from does not hold a prior of the job's shape.
        TrainingError, ValueError: as from `run`.
    """
    prepare(job.training, ranks)
    if job.model.attention_form == "flex" and ranks.device.type != "cuda":
        raise ValueError("attention_form flex has gradients on CUDA only: train with structural, which gives the same")
    bpe = load_bpe(job.data.bpe)
    tokens, val = Shards(job.data.train, _COLUMNS), Shards(job.data.val, _COLUMNS)
    checked_codes(tokens_of(tokens, [0])[1], job.model)  # so that tokens of another grid are told at once
    with torch.device("meta"):  # a rank may hold a part of it only
        model = Prior(job.model)
    check_vocabulary(model.config, bpe)
    workers = workers_of(job.data.workers, ranks)
    folder = job.data.image_tokenizer
    image_tokenizer = load_tokenizer(Path(folder)) if folder is not None else None
    start = Path(job.start_from) if job.start_from is not None else None
    run(PriorLearner(model, job.training, bpe, tokens, val, workers, image_tokenizer, start), job, ranks)


def with_noise(codes: Tensor, share: float, vocab_size: int, step: Step, batch_size: int) -> Tensor:
    """The codes of a batch, int64 [B, n], with a share of them replaced by random ones."""
    if share == 0:
        return codes
    replaced = step.uniform("code noise", batch_size, codes.shape[1:]) < share
    others = step.uniform("codes of noise", batch_size, codes.shape[1:]).mul(vocab_size).long()
    return torch.where(replaced, others, codes)


def checked_codes(codes: NDArray[np.uint16], model: PriorModelConfig) -> Tensor:
    """Codes [rows, n] as int64, checked to fit the model.

    Raises:
        DataError: they are of another grid, or beyond the vocabulary.
    """
    if codes.shape[1] != model.codes_per_image:
        raise DataError(f"token rows of {codes.shape[1]} codes do not fit a prior of {model.codes_per_image}")
    if int(codes.max()) >= model.image_vocab:
        raise DataError(f"code {int(codes.max())} is beyond the prior's image vocabulary of {model.image_vocab}")
    return torch.from_numpy(codes.astype(np.int64))


if __name__ == "__main__":
    end(main(PriorJob, train, sys.argv[1:]))
