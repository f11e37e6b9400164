"""A run goes on from the checkpoints of any number of ranks, after SIGTERM or kill -9, as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.forked_ranks import BATCH, ROWS, ended, load_placed, save_and_fail, save_placed, start, train

from models.files import RANK_STATE
from models.training.checkpoint import read_tensors
from models.training.distributed import Ranks
from models.training.states import States
from models.training.termination import STATUS

pytestmark = pytest.mark.end_to_end


def _run(world: int, out: Path, **settings: Any) -> list[int | None]:
    out.mkdir(exist_ok=True)
    return ended(start(world, train, out=out, **settings))


def _final(out: Path) -> dict[str, torch.Tensor]:
    (path,) = max((out / "checkpoints").glob("step-*")).glob("*.safetensors")
    return read_tensors(path)[0]


def _lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def _rows(out: Path) -> dict[int, list[int]]:
    """The rows of each step, those of all ranks in their order, in the last run that made it."""
    found: dict[int, list[int]] = {}
    for line in (out / "rows-0.jsonl").read_text().splitlines():
        step, world, rows = json.loads(line)
        for rank in range(1, world):
            others = (json.loads(line) for line in (out / f"rows-{rank}.jsonl").read_text().splitlines())
            rows = rows + [part for number, ranks, part in others if (number, ranks) == (step, world)][-1]
        found[step] = rows
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on one rank that nothing disturbs."""
    out = tmp_path_factory.mktemp("alone")
    assert _run(1, out) == [0]
    return out


def test_a_run_that_moves_from_4_ranks_to_2_to_1_to_4_has_the_rows_and_losses_of_an_undisturbed_one(
    alone: Path, tmp_path: Path
) -> None:
    assert _run(4, tmp_path, stop=(5, 3)) == [STATUS] * 4
    assert _run(2, tmp_path, stop=(11, 1)) == [STATUS] * 2
    assert _run(1, tmp_path, stop=(17, 0)) == [STATUS]
    assert _run(4, tmp_path) == [0] * 4
    assert _rows(tmp_path) == _rows(alone)
    assert [len(rows) for rows in _rows(alone).values()] == [BATCH] * 24
    two_epochs = [row for step in range(5) for row in _rows(alone)[step]]
    assert sorted(two_epochs) == sorted([*range(ROWS), *range(ROWS)])
    for ours, theirs in zip(_lines(tmp_path), _lines(alone), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-5)
    for name, tensor in _final(alone).items():
        torch.testing.assert_close(_final(tmp_path)[name], tensor, atol=1e-5, rtol=0)


def test_all_ranks_report_the_same_figures(tmp_path: Path) -> None:
    assert _run(3, tmp_path, batch_size=9, steps=3, validate_every=1) == [0] * 3
    first, *others = ((tmp_path / f"metrics-{rank}.json").read_text() for rank in range(3))
    assert others == [first, first]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on two ranks that nothing disturbs."""
    out = tmp_path_factory.mktemp("pair")
    assert _run(2, out) == [0, 0]
    return out


def _assert_equal(out: Path, other: Path) -> None:
    ours, theirs = _final(out), _final(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (out / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()


def test_sigterm_to_any_rank_at_any_step_costs_no_bit(pair: Path, tmp_path: Path) -> None:
    stop = random.randrange(20), random.randrange(2)
    assert _run(2, tmp_path, stop=stop, checkpoint_every=None) == [STATUS] * 2, stop
    assert _checkpoints(tmp_path)[-1] == f"step-{stop[0] + 2:09d}", stop  # ranks hear of it after the next step
    assert _run(2, tmp_path) == [0, 0]
    _assert_equal(tmp_path, pair)


@pytest.mark.parametrize("killed", [[0], [1], [0, 1]], ids=["the first rank", "another rank", "all ranks"])
def test_kill_9_at_any_moment_ends_all_ranks_and_costs_no_bit(pair: Path, tmp_path: Path, killed: list[int]) -> None:
    for _ in range(2):
        seen = len(_checkpoints(tmp_path))
        ranks = start(2, train, out=tmp_path, pause_s=0.02, checkpoint_every=2, keep_checkpoints=99)
        deadline = time.monotonic() + 100
        while len(_checkpoints(tmp_path)) <= seen and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        for rank in killed:
            os.kill(ranks[rank].pid or 0, signal.SIGKILL)
        assert all(ended(ranks))
    assert _run(2, tmp_path) == [0, 0]
    _assert_equal(tmp_path, pair)


def _checkpoints(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").glob("step-*"))


PLACES = {1: (1,), 2: (2,), 4: (4,), "hybrid": (2, 2)}


@pytest.mark.parametrize("saved", PLACES)
def test_what_ranks_save_in_parts_any_other_number_of_ranks_loads(saved: Any, tmp_path: Path) -> None:
    _on(saved, save_placed, tmp_path)
    files = sorted(path.name for path in (tmp_path / "step-000000001").glob("*.safetensors"))
    assert files == [RANK_STATE.format(rank) for rank in range(len(files))]
    parts = [read_tensors(tmp_path / "step-000000001" / name)[0] for name in files]
    assert sum(part["rows"].numel() for part in parts if "rows" in part) == 15  # each number once, also if two hold it
    assert [name for part in parts for name in part].count("plain") == 1
    for loaded in PLACES:
        _on(loaded, load_placed, tmp_path)


def _on(place: Any, body: Callable[..., None], out: Path) -> None:
    shape = PLACES[place]
    world = shape[0] * shape[-1] if len(shape) > 1 else shape[0]
    assert ended(start(world, body, out=out, shape=shape)) == [0] * world


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one checkpoint of two ranks."""
    out = tmp_path_factory.mktemp("parts")
    _on(2, save_placed, out)
    return out


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": lambda file: file.unlink(),
    "truncated": lambda file: os.truncate(file, file.stat().st_size - 1),
    "flipped": lambda file: file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1])),
    "joined by another": lambda file: shutil.copy(file, file.with_name(RANK_STATE.format(2))) and None,
}


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_checkpoint_with_a_damaged_file_of_any_rank_is_passed_over(
    parts: Path, tmp_path: Path, damage: str, rank: int
) -> None:
    for step in (1, 2):
        shutil.copytree(parts / "step-000000001", tmp_path / f"step-{step:09d}")
    DAMAGES[damage](tmp_path / "step-000000002" / RANK_STATE.format(rank))
    newest, words = States(tmp_path, 2, Ranks()).newest()
    assert newest == tmp_path / "step-000000001"
    assert words[0].startswith("checkpoint step-000000002 is damaged (rank-0000")


@pytest.mark.parametrize(("where", "statuses"), [("before", [1, 1, 1]), ("in the write", [0, 0, 0])])
def test_no_rank_completes_a_checkpoint_that_another_cannot_write(
    tmp_path: Path, where: str, statuses: list[int]
) -> None:
    assert ended(start(3, save_and_fail, out=tmp_path, where=where)) == statuses
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000000001"]
    assert States(tmp_path, 2, Ranks()).newest() == (tmp_path / "step-000000001", [])


def test_the_first_ranks_clock_decides_for_all_ranks(tmp_path: Path) -> None:
    clock = {"checkpoint_every": None, "checkpoint_seconds": 0.01, "validate_every": None, "keep_checkpoints": 99}
    assert _run(2, tmp_path, pause_s=0.02, **clock) == [0, 0]
    assert len(_checkpoints(tmp_path)) > 1
    assert _checkpoints(tmp_path)[-1] == "step-000000024"
