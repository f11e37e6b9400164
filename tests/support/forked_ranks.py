"""Ranks as forked processes without torchrun's agent, and a tiny training for them.

A server process imports torch once and forks every rank, so that a test with many runs takes seconds.
"""

import importlib
import json
import math
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from models import tokenizer_learner
from models.training.config import TrainingConfig
from models.training.distributed import Ranks, leave
from models.training.errors import StoppedError
from models.training.loop import Batch, Learner, Loop
from models.training.order import Order
from models.training.randomness import Step
from models.training.states import States
from models.training.termination import STATUS
from models.training.validation import shares, total

BATCH, ROWS = 8, 20
Body = Callable[..., None]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["support.forked_ranks", "support.built_part"])


def start(world: int, body: Body, **settings: Any) -> list[BaseProcess]:
    """Start `body(ranks, **settings)` on ranks that meet by gloo; one of a module, as it is found by its name."""
    store = tempfile.mktemp(prefix="store-")
    processes: list[BaseProcess] = []
    for rank in range(world):
        process = _FORKS.Process(target=_run, args=(rank, world, store, body, settings), daemon=True)
        process.start()
        processes.append(process)
    return processes


def ended(processes: list[BaseProcess]) -> list[int | None]:
    """Exit statuses of ranks that end by themselves."""
    deadline = time.monotonic() + 200
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    statuses = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return statuses


def _run(rank: int, world: int, store: str, body: Body, settings: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=world)
    status = 1
    try:
        body(Ranks(rank, world, rank, world), **settings)
        status = 0
    except StoppedError:
        status = STATUS
    except Exception as error:
        print(f"rank {rank}: {type(error).__name__}: {error}", flush=True)
    leave()
    os._exit(status)  # gloo's threads may abort a process that ends in Python's way


class RowsLearner(Learner):
    """Fits what a fixed network says of 20 rows, and writes down which rows each step had."""

    def __init__(self, out: Path, stop: tuple[int, int] | None, pause_s: float) -> None:
        super().__init__()
        noise = torch.Generator().manual_seed(3)
        self.rows = torch.randn(ROWS, 3, generator=noise)
        self.goals = self.rows.prod(1, keepdim=True)
        self.model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
        for weight in self.model.parameters():
            torch.nn.init.normal_(weight, generator=noise)
        self.order = Order(0, [ROWS], 1)
        self.out = out
        self.stop = stop
        self.pause_s = pause_s

    def batch(self, step: Step) -> Batch:
        """This rank's rows; SIGTERM at the step and on the rank that `stop` names."""
        time.sleep(self.pause_s)
        if self.stop == (step.number, step.rank):
            os.kill(os.getpid(), signal.SIGTERM)
        rows = [int(row) for stretch in self.order.parts(step.positions(BATCH)) for row in stretch.rows]
        with (self.out / f"rows-{step.rank}.jsonl").open("a") as file:
            file.write(json.dumps([step.number, step.world, rows]) + "\n")
        return {"x": self.rows[rows], "y": self.goals[rows]}

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        """The squared error."""
        return {"loss": (self.model(batch["x"]) - batch["y"]).square().mean()}

    def held_out(self) -> int:
        """All rows, though they are trained on."""
        return ROWS

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The mean squared error over all rows, three at a time."""
        found = 0.0
        for share in shares(ROWS, 3):
            errors = (self.model(self.rows[share.rows]) - self.goals[share.rows]).square()
            found += float(errors.sum()) if share.counts else 0.0
        return {"loss": total({"loss": found})["loss"] / ROWS}


def train(ranks: Ranks, out: Path, stop: tuple[int, int] | None = None, pause_s: float = 0.0, **training: Any) -> None:
    """Train `RowsLearner`, and write its metrics into one file for each rank."""
    settings = {"steps": 24, "batch_size": BATCH, "learning_rate": 0.05, "warmup_steps": 2, "log_every": 1}
    settings |= {"validate_every": 5, "checkpoint_every": 4, "eps": 1e-4, "ema_decay": 0.9} | training
    loop = Loop(RowsLearner(out, stop, pause_s), TrainingConfig(**settings), out, ranks, job="rows")
    metrics = loop.run()
    (out / f"metrics-{ranks.rank}.json").write_text(json.dumps(metrics))
    (out / f"notes-{ranks.rank}.json").write_text(json.dumps(loop.notes))


def save_and_fail(ranks: Ranks, out: Path, where: str) -> None:
    """Save two checkpoints, the second of which the last rank cannot write; expect the error that all ranks get."""
    states = States(out, 2, ranks)
    states.save(1, {"weight": torch.ones(2)}, {"step": 1}, None)
    states.wait()
    last = ranks.rank == ranks.world - 1
    if where == "before" and last:
        raise RuntimeError("this rank has failed")
    if where == "in the write" and last:
        os.fsync = _full
    mesh = init_device_mesh("cpu", (ranks.world,))
    states.save(2, {"weight": distribute_tensor(torch.ones(4), mesh, [Shard(0)])}, {"step": 2}, None)
    with pytest.raises(OSError, match="No space left"):
        states.wait()


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def placed(ranks: Ranks, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Zeros in every way in which a trainer's tensors lie on the ranks; a mesh of one rank holds plain ones."""
    tensors = {"plain": torch.zeros(3), "scalar": torch.zeros((), dtype=torch.int64), "rows": torch.zeros(5, 3)}
    tensors |= {"columns": torch.zeros(2, 5), "few": torch.zeros(2, dtype=torch.bfloat16)}
    if ranks.world == 1:
        return tensors
    mesh = init_device_mesh("cpu", shape)
    every = [Replicate()] * (len(shape) - 1)
    places = {"rows": [*every, Shard(0)], "columns": [*every, Shard(1)], "few": [*every, Shard(0)]}
    return tensors | {name: distribute_tensor(tensors[name], mesh, place) for name, place in places.items()}


def values(name: str, shape: torch.Size) -> torch.Tensor:
    """What `save_placed` saves."""
    return torch.arange(math.prod(shape)).reshape(shape) + len(name)


def save_placed(ranks: Ranks, out: Path, shape: tuple[int, ...]) -> None:
    """Save a checkpoint of known values, and then none of what is written over them."""
    tensors = placed(ranks, shape)
    for name, tensor in tensors.items():
        fill(tensor, values(name, tensor.shape))
    states = States(out, 2, ranks)
    states.save(1, tensors, {"step": 1}, 0.5)
    for tensor in tensors.values():
        tensor.zero_()
    states.wait()


def fill(tensor: torch.Tensor, content: torch.Tensor) -> None:
    """Set a tensor, sharded or not."""
    if isinstance(tensor, DTensor):
        content = distribute_tensor(content.to(tensor.dtype), tensor.device_mesh, tensor.placements)
    tensor.copy_(content)


def load_placed(ranks: Ranks, out: Path, shape: tuple[int, ...]) -> None:
    """Check that a checkpoint of `save_placed` comes back, placed as this one's tensors are."""
    states, like = States(out, 2, ranks), placed(ranks, shape)
    path = out / "step-000000001"
    state = states.read(path, like.get)
    assert state.run == {"step": 1}
    assert state.tensors.keys() == like.keys()
    for name, tensor in state.tensors.items():
        assert isinstance(tensor, DTensor) == isinstance(like[name], DTensor)
        assert tensor.dtype == like[name].dtype
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        assert torch.equal(whole, values(name, like[name].shape).to(tensor.dtype)), name


def train_job(ranks: Ranks, name: str, job: dict[str, Any], batch: int) -> None:
    """Train the job of `models.<name>.train`, and validate `batch` rows at once."""
    trainer = importlib.import_module(f"models.{name}.train")
    learner = trainer if hasattr(trainer, "_VALIDATION_BATCH") else tokenizer_learner
    learner._VALIDATION_BATCH = batch  # type: ignore[attr-defined]
    [kind] = (each for each in vars(trainer).values() if getattr(each, "__name__", "").lower() == f"{name}job")
    trainer.train(kind.model_validate(job), ranks)
