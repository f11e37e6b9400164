"""Start and end of a trainer that runs as `python -m models.<name>.train JOB.json`."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import torch
from pydantic import BaseModel, ValidationError

from models.config import Frozen
from models.files import CURVES, DONE, ERROR, MODEL_FILES
from models.training.checkpoint import save_model
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks, join, leave, lost_ranks_named, set_threads
from models.training.errors import StoppedError, TrainingError
from models.training.loop import Learner, Loop
from models.training.precision import set_tf32
from models.training.records import write_done, write_error
from models.training.speed import device_name
from models.training.start import die_with_parent
from models.training.termination import STATUS


class Job(Protocol):
    """What every trainer's job has."""

    @property
    def model(self) -> Frozen: ...
    @property
    def training(self) -> TrainingConfig: ...
    @property
    def sharding(self) -> Sharding: ...
    @property
    def out(self) -> str: ...


J = TypeVar("J", bound=BaseModel)


def main(kind: type[J], train: Callable[[J, Ranks], None], arguments: list[str]) -> int:
    """Read the job, train unless it is done, and turn failures into one sentence and error.json.

    Of several ranks that fail, the first one is named: the others fail because they lost it.

    Returns:
        The exit status: 0, 1 after an error that the user can mend, 2 without a job file, or 143 after SIGTERM.
    """
    die_with_parent()
    if len(arguments) != 1:
        print("usage: python -m models.<name>.train JOB.json", file=sys.stderr)
        return 2
    out: Path | None = None
    ranks = Ranks()
    try:
        raw = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        out = Path(raw["out"]) if isinstance(raw, dict) and isinstance(raw.get("out"), str) else None
        job = kind.model_validate(raw)
        if out is not None and (out / DONE).exists():
            return 0
        if out is not None and os.environ.get("RANK", "0") == "0":
            (out / ERROR).unlink(missing_ok=True)
        with lost_ranks_named():
            ranks = join()  # all ranks wait for each other here
            train(job, ranks)
    except (TrainingError, ValidationError, ValueError, OSError) as error:
        message = one_sentence(error)
        print(f"error: {message}", file=sys.stderr)
        if out is not None:
            write_error(out, error, message)
        return STATUS if isinstance(error, StoppedError) else 1
    except Exception as error:
        if out is not None:
            write_error(out, error, one_sentence(error))
        raise
    finally:
        leave()
    return 0


def end(status: int) -> NoReturn:
    """End this process; one of several ranks without Python's own end.

    gloo's threads let go of the last messages some time later. A thread that needs Python for it when Python ends
    aborts the process (torch 2.13), and torchrun then ends the other ranks: in one of a hundred runs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def one_sentence(error: BaseException) -> str:
    """The first problem of an error, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"the job's {place or 'content'} is not valid: {first['msg']}"
    return " ".join(str(error).split()) or type(error).__name__


def run(learner: Learner, job: Job, ranks: Ranks) -> None:
    """Train `learner`, and write weights, configuration and done.json into the job's folder.

    Raises:
        ValueError: the batch size does not divide over the ranks, or they cannot share the model as asked.
        ResumeMismatchError: the folder holds the state of a different job.
        NonFiniteGradientsError: the updates of too many steps in a row had to be skipped.
        StoppedError: SIGTERM asked this process to stop.
    """
    out = Path(job.out)
    if ranks.is_first:
        out.mkdir(parents=True, exist_ok=True)
    loop = Loop(learner, job.training, out, ranks, _name_of(job), job.sharding)
    metrics, weights = loop.run(), loop.weights()
    if ranks.is_first:
        save_model(out, weights, job.model)
        done = {"metrics": metrics, "steps": loop.step, "seconds": round(loop.seconds, 2), "notes": loop.notes}
        done |= {"device": device_name(ranks.device), "precision": _precision(job.training), **learner.data_waits()}
        write_done(out, done, (*MODEL_FILES, CURVES))


def prepare(training: TrainingConfig, ranks: Ranks) -> None:
    """Set threads, TF32 and the seed that initial weights are drawn from."""
    set_threads(training.threads, ranks)
    set_tf32(training)
    torch.manual_seed(training.seed)


def _name_of(job: Job) -> str:
    """What must be the same for a run to go on from a state: all but folders, which may have moved, and ranks."""
    assert isinstance(job, BaseModel)
    content = job.model_dump(mode="json", exclude={"out", "pretrained", "sharding"})
    if (start := content.pop("start_from", None)) is not None:  # from nothing: the name that it always had
        content["start_from"] = _without_root(start)
    content["data"] = {name: _without_root(value) for name, value in content.get("data", {}).items()}
    for name in ("cache_mb", "workers"):  # change nothing but speed
        content["data"].pop(name, None)
    content["training"].pop("hang_seconds")
    return json.dumps(content, sort_keys=True)


def _without_root(value: Any) -> Any:
    """A shard by stage, fingerprint and name, `pack/0123/train-00000.parquet`; another file by its name alone."""
    if isinstance(value, list):
        return ["/".join(str(uri).split("/")[-3:]) for uri in value]
    return value.rsplit("/", 1)[-1] if isinstance(value, str) else value


def _precision(training: TrainingConfig) -> str:
    return "tf32" if training.tf32 and training.precision == "fp32" else training.precision
