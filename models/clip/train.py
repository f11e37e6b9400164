"""Train our own CLIP: `python -m torch.distributed.run --standalone -m models.clip.train JOB.json`."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from models.clip.config import CLIPModelConfig, CLIPTrainingConfig
from models.clip.losses import caption_groups, contrastive_loss, retrieval_accuracy
from models.clip.model import CLIP
from models.config import Frozen
from models.files import BPE_FILE
from models.text.bpe import load_bpe
from models.training.config import Sharding, TextImageShards
from models.training.data import CAPTION, IMAGE, PAIR_ID, Pairs, opened
from models.training.distributed import Ranks, gather_over_ranks
from models.training.entry import end, main, prepare, run
from models.training.loading_learner import LoadingLearner
from models.training.loop import Batch
from models.training.muon import Matrix
from models.training.randomness import Step
from models.training.validation import shares
from models.training.windows import Rows

_VALIDATION_BATCH = 128


class CLIPJob(Frozen):
    """Content of the job file of `models.clip.train`."""

    model: CLIPModelConfig
    training: CLIPTrainingConfig
    data: TextImageShards
    sharding: Sharding = Sharding()
    out: str


class CLIPLearner(LoadingLearner):
    """Contrastive learning of images and captions within the batch of all ranks."""

    model: CLIP
    training_config: CLIPTrainingConfig
    val: Pairs

    def __init__(self, model: CLIP, training: CLIPTrainingConfig, train: Pairs, val: Pairs) -> None:
        super().__init__(model, training, train.shards, [PAIR_ID, CAPTION, IMAGE], train.workers, val)
        self.pairs = train

    def collate(self, step: Step, rows: Rows) -> Batch:
        """{"images": uint8 [B, 3, H, W], "ids": int64 [B, T], "groups": int64 [B]}."""
        c, size = self.training_config, self.model.config.image_size
        if c.augment:
            randoms = step.of_examples("crop", c.batch_size)
            images = self.pairs.crops_of(rows, self.model.config.crop_size, randoms)
        else:
            images = self.pairs.squares_of(rows, size)
        captions = rows[CAPTION]
        return {"images": images, "ids": self.model.bpe.encode(captions), "groups": caption_groups(captions)}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Loss in nats, and the learned scale."""
        scale = self.model.scale()
        images = self._in_chunks(self.model.embed_images, batch["images"])
        captions = self._in_chunks(self.model.embed_ids, batch["ids"])
        loss = contrastive_loss(images, captions, scale, batch["groups"], step.rank)
        return {"loss": loss, "scale": scale}

    def _in_chunks(self, embed: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """`embed(inputs)`, chunk by chunk where the config says so.

        A gradient cache (Gao et al. 2021): of each chunk only the vectors are kept, for the loss of the whole batch.
        The backward pass runs each chunk again, for the rest, when its turn comes.
        """
        chunk = self.training_config.chunk_pairs
        if chunk is None:
            return embed(inputs)
        return torch.cat([checkpoint(embed, part, use_reentrant=False) for part in inputs.split(chunk)])

    def after_update(self) -> None:
        """Bounds the learned scale."""
        self.model.bound_scale()

    def matrices(self) -> list[Matrix]:
        """The weight matrices of both transformers."""
        return self.model.matrices()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Retrieval accuracy on training and on validation pairs: see `retrieval_accuracy`."""
        metrics = {"train_accuracy": self._accuracy(self.pairs)}
        return metrics | ({"accuracy": self._accuracy(self.val)} if len(self.val) else {})

    def score(self, metrics: dict[str, float]) -> float | None:
        """Retrieval accuracy on held-out pairs."""
        return metrics.get("accuracy")

    def _accuracy(self, pairs: Pairs) -> float:
        count = min(len(pairs), self.training_config.validation_pairs)
        captions = pairs.captions(range(count))
        size = self.model.config.image_size
        images, texts = [], []
        for share in shares(count, _VALIDATION_BATCH):
            images.append(_filled(self.model.embed_images(pairs.squares(share.rows, size))))
            texts.append(_filled(self.model.embed_captions([captions[row] for row in share.rows])))
        # The ranks' vectors follow each other in the order of the rows; what fills the last ones up is behind them.
        of_images, of_texts = (gather_over_ranks(torch.cat(own))[:count] for own in (images, texts))
        return retrieval_accuracy(of_images, of_texts, caption_groups(captions).to(of_images.device))


def _filled(vectors: Tensor) -> Tensor:
    """Vectors [B, P] of a batch of validation, followed by zeros up to the size of a whole one."""
    return pad(vectors, (0, 0, 0, _VALIDATION_BATCH - len(vectors)))


def train(job: CLIPJob, ranks: Ranks) -> None:
    """Train the CLIP that a job describes.

    Raises:
        DataError: a shard is unreadable or holds no pairs.
        TrainingError, ValueError: as from `run`.
    """
    prepare(job.training, ranks)
    bpe = load_bpe(job.data.bpe)
    model = CLIP(job.model, bpe)
    pairs, val = opened(job.data, ranks)
    if ranks.is_first:
        Path(job.out).mkdir(parents=True, exist_ok=True)
        bpe.save(Path(job.out) / BPE_FILE)
    run(CLIPLearner(model, job.training, pairs, val), job, ranks)


if __name__ == "__main__":
    end(main(CLIPJob, train, sys.argv[1:]))
