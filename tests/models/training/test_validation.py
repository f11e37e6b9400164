"""All ranks validate, each a part of the rows, and find what one rank does."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from support.forked_ranks import ended, start, train_job

from models.training.validation import ValidationBatch, shares, total

Job = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("world", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [0, 1, 7, 20, 21])
def test_every_row_counts_once_and_all_ranks_go_through_equally_many_batches(
    monkeypatch: pytest.MonkeyPatch, world: int, count: int
) -> None:
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: world)
    of_ranks: list[list[ValidationBatch]] = []
    for rank in range(world):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        of_ranks.append(shares(count, 4))
    assert [row for own in of_ranks for share in own if share.counts for row in share.rows] == list(range(count))
    assert {len(own) for own in of_ranks} == {math.ceil(math.ceil(count / 4) / world)}
    assert all(share.rows for own in of_ranks for share in own)


def test_one_rank_adds_nothing_to_its_sums() -> None:
    assert total({"loss": 0.1, "images": 3.0}) == {"loss": 0.1, "images": 3.0}


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["dvae", "clip", "prior"])
def test_three_ranks_find_the_figures_of_one(request: pytest.FixtureRequest, name: str) -> None:
    job: Job = request.getfixturevalue(f"{name}_job")
    found = []
    for world in (1, 3):
        asked = job(f"{world}", steps=3, batch_size=6, learning_rate=1e-9, final_learning_rate=1e-9, validate_every=2)
        assert ended(start(world, train_job, name=name, job=asked, batch=2)) == [0] * world
        lines = (Path(asked["out"]) / "metrics.jsonl").read_text().splitlines()
        [between] = [line for line in map(json.loads, lines) if "val/held_out" in line]
        found.append(between | json.loads((Path(asked["out"]) / "done.json").read_text())["metrics"])
    one, three = found
    assert len(one) > 5
    assert three == pytest.approx(one, rel=1e-5, abs=1e-6)
