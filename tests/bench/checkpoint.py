"""What a checkpoint in the background costs a training: `taskset -c 1 python tests/bench/checkpoint.py`.

Trains a prior of 110 M weights with Adam and EMA, so a checkpoint has 1.8 GB, on one batch again and again. Prints, in
CPU time of the threads concerned, so that other work on the core does not count: the copy of the weights, for which the
training stands; the write by the other thread, which takes as much from the training where it has no other core; by how
much steps get slower beside it; and the share of the time that these are at one checkpoint a minute, the default, and
in ten minutes.

`python -m torch.distributed.run --standalone --nproc-per-node=2 tests/bench/checkpoint.py` does it on two ranks with an
example each. Both print their figures; of weights that are not sharded, the first one writes all.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.files import CHECKPOINTS
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.losses import image_loss, prior_loss, text_loss
from models.prior.model import Prior
from models.training.distributed import Ranks, from_first_rank, join, leave
from models.training.loop import Batch, Learner, Loop
from models.training.randomness import Step
from models.training.states import States

STEPS, STEPS_BETWEEN = 40, 8
MODEL = PriorModelConfig(
    width=768, layers=12, heads=12, conv_kernel=5, text_vocab=8192, text_length=64, image_vocab=8192, grid=16
)
TRAINING = PriorTrainingConfig(
    steps=STEPS,
    batch_size=1,
    warmup_steps=1,
    checkpoint_every=STEPS_BETWEEN,
    checkpoint_seconds=1e9,
    ema_every=1,
    validate_every=None,
    activation_checkpointing=False,
    clip_second_moment=None,
    threads=1,
)


class OneBatch(Learner):
    """Learns one batch of noise."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Prior(MODEL)
        count = TRAINING.batch_size
        self.captions = torch.randint(0, MODEL.text_vocab, (count, MODEL.caption_length))
        self.codes = torch.randint(0, MODEL.image_vocab, (count, MODEL.codes_per_image))

    def batch(self, step: Step) -> Batch:
        return {"captions": self.captions, "codes": self.codes}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        model = self.model
        states, image_states = model.states(batch["captions"], batch["codes"])
        text = text_loss(states, model.text_head, model.text_targets(batch["captions"]), MODEL.text_vocab, True)
        image = image_loss(image_states, model.image_head, batch["codes"])
        return {"loss": prior_loss(text, image, TRAINING.text_weight)}

    def validate(self) -> dict[str, float]:
        return {}


class TimedStates(States):
    """Notes what each write took, in seconds of its thread."""

    def __init__(self, folder: Path, keep: int, ranks: Ranks) -> None:
        super().__init__(folder, keep, ranks)
        self.wrote: list[float] = []

    def _write(self, step: int, tensors: dict[str, Tensor], content: dict[str, Any]) -> None:
        super()._write(step, tensors, content)
        self.wrote.append(self.write_s)


class TimedLoop(Loop):
    """Notes what each step and each copy took, in seconds of their thread, and which steps were beside a write."""

    def __init__(self, out: Path, ranks: Ranks) -> None:
        config = TRAINING.model_copy(update={"batch_size": ranks.world})
        super().__init__(OneBatch(), config, out, ranks, job="")
        self._states = self.states = TimedStates(out / CHECKPOINTS, TRAINING.keep_checkpoints, ranks)
        self.copied: list[float] = []
        self.alone: list[float] = []
        self.beside: list[float] = []

    def _update(self, step: Step) -> dict[str, Tensor]:
        busy, started = self.states.busy, time.thread_time()
        parts = super()._update(step)
        (self.beside if busy else self.alone).append(time.thread_time() - started)
        return parts

    def _save(self, score: float | None) -> None:
        started = time.thread_time()
        super()._save(score)
        self.copied.append(time.thread_time() - started)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ranks = join()
    with tempfile.TemporaryDirectory() as own:
        folder = Path(from_first_rank(own, ranks))
        loop = TimedLoop(folder, ranks)
        loop.run()
        newest = max((folder / CHECKPOINTS).glob("step-*"))
        size = sum(path.stat().st_size for path in newest.iterdir()) / 1e9
        from_first_rank(None, ranks)
    leave()
    weights = sum(weight.numel() for weight in loop.learner.model.parameters()) / 1e6
    step = statistics.median(loop.alone[1:])  # the first makes Adam's moments
    copy, write = statistics.median(loop.copied), statistics.median(loop.states.wrote)
    slower = statistics.median(loop.beside) - step
    print(f"{weights:.0f} M weights, a checkpoint of {size:.2f} GB; a step takes {step:.2f} s")
    print(f"copy: {copy:.2f} s ({size / copy:.1f} GB/s); write: {write:.2f} s ({size / write:.1f} GB/s)")
    print(
        f"{len(loop.beside)} steps beside {len(loop.states.wrote)} writes take {slower:+.2f} s ({slower / step:+.1%})"
    )
    extra = max(slower, 0) * len(loop.beside) / len(loop.states.wrote)
    for every in (60, 600):
        spare, none = copy + extra, copy + extra + write
        print(f"every {every} s: {spare / every:.2%} of the time with a core to spare, {none / every:.2%} without")


if __name__ == "__main__":
    main()
