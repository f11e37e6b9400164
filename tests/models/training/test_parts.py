"""Each rank makes only its part of a sharded model, and the parts are those of the model that one process makes.

`-s` prints the figures.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.built_part import make_part
from support.forked_ranks import ended, start

from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig
from models.prior.model import Prior
from models.training.checkpoint import save_model

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
Job = Callable[..., dict[str, Any]]
RANKS = 4
LARGE = {"width": 512, "layers": 10, "heads": 8}
COMPRESSED = {"compression_rank": 4, "compression_shards": 2}
MB = 10**6


def _made(job: dict[str, Any], warm_up: dict[str, Any] | None = None, seed: int | None = None) -> list[dict[str, Any]]:
    """What each rank says of making its part."""
    assert ended(start(RANKS, make_part, job=job, warm_up=warm_up, seed=seed)) == [0] * RANKS
    return [json.loads(Path(f"{job['out']}.{rank}.json").read_text()) for rank in range(RANKS)]


def test_a_rank_of_four_takes_memory_for_its_part_and_the_largest_weight_only(prior_job: Job) -> None:
    job, small = (
        prior_job(name, ema_decay=None, clip_second_moment=None) | {"sharding": {"mode": "fsdp"}}
        for name in ("large", "small")
    )
    job["model"] |= LARGE
    weights = prior_weights(PriorModelConfig.model_validate(job["model"]))
    whole, largest = 4 * sum(w.size for w in weights), 4 * max(w.size for w in weights)
    first, again = _made(job, small), _made(job, small)
    # What is read is copied into its place, and pages of the file count too.
    for what, copies, found in (("made", 1, first), ("resumed", 3, again)):
        peaks = [each["peak"] for each in found]
        print(f"{what}: {[peak // MB for peak in peaks]} MB a rank of a model of {whole // MB} MB")
        assert max(peaks) < copies * whole / RANKS + 2 * largest + 20 * MB < whole
        assert what == "resumed" or max(peaks) < whole / 2
    assert [each["resumed"] for each in first + again] == [0] * RANKS + [1] * RANKS
    assert first[0]["same"]
    assert again[0]["same"]


@pytest.mark.parametrize(
    ("sharding", "training"),
    [({"mode": "hsdp", "shard_ranks": 2}, COMPRESSED), ({"mode": "ddp"}, {})],
    ids=["two machines, compressed", "replicas"],
)
def test_the_parts_are_those_of_the_model_of_one_process_to_the_bit(
    prior_job: Job, sharding: dict[str, Any], training: dict[str, Any]
) -> None:
    assert _made(prior_job(**training) | {"sharding": sharding})[0]["same"]


@pytest.mark.parametrize("mode", ["fsdp", "ddp"])
def test_ranks_that_start_from_a_trained_prior_hold_its_weights(prior_job: Job, mode: str, tmp_path: Path) -> None:
    job = prior_job(seed=1) | {"sharding": {"mode": mode}, "start_from": str(tmp_path / "trained")}
    config = PriorModelConfig.model_validate(job["model"])
    save_model(tmp_path / "trained", Prior(config, seed=7).state_dict(), config)
    assert _made(job, seed=7)[0]["same"]
    assert not _made(job | {"start_from": None, "out": str(tmp_path / "drawn")}, seed=7)[0]["same"]
