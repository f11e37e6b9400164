"""However the ranks share a model, it learns the same; between machines goes what is planned."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.ranks import start_ranks
from torch import nn

from models.planning.parallel import Parallel
from models.planning.traffic import traffic
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig
from models.prior.train import PriorJob, train
from models.training.checkpoint import read_tensors
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks
from models.training.entry import _name_of
from models.training.muon import Matrix
from models.training.parallel import parallelise

STEPS, SHORT = 50, 8
BAD = 3  # step at which the last rank has bad gradients
MODEL: dict[str, Any] = {"text_vocab": 270, "text_length": 8, "image_vocab": 11, "grid": 3, "width": 16, "layers": 2}
MODEL |= {"heads": 2, "conv_kernel": 3}
# As in test_distributed: the biases of keys have a gradient of zero, and a large eps hides the rounding of sums.
COMMON: dict[str, Any] = {"batch_size": 8, "warmup_steps": 3, "threads": 1, "learning_rate": 1e-3, "eps": 1e-4}
COMMON |= {"bpe_dropout": 0.2, "padding_in_text_loss": False, "weight_decay": 0.01, "log_every": 1}
PAPERS: dict[str, Any] = {"clip_second_moment": 0.02, "clip_norm": 1.0, "ema_every": 5, "ema_decay": 0.9}
PAPERS |= {"schedule": "plateau", "plateau_steps": 10, "plateau_improvement": 0.5, "validate_every": 4}
PLAIN: dict[str, Any] = {"clip_second_moment": None, "clip_norm": 0.5, "ema_every": 1, "ema_decay": 0.99}
PLAIN |= {"schedule": "cosine", "activation_checkpointing": False, "validate_every": None}

FSDP = {"mode": "fsdp"}
SAVED = {"checkpoint_every": SHORT // 2, "keep_checkpoints": 9}
LOW = {"compression_rank": 4, "compression_shards": 2}
FULL = {"compression_rank": 64, "compression_shards": 2}
NARROW = {"moments": "paper"}
MATRICES = ("attention.qkv", "attention.out", "mlp_in", "mlp_out")
PER_BLOCK = {"precision": "fp16", "loss_scale": "per_block"}
WRONG: dict[str, Any] = {
    "with a bad rank": {"bad": [BAD]},
    "16-bit with a bad rank": {"bad": [BAD]},
    "overflow in one shard": {"overflow": [BAD, "blocks.0.mlp_norm"]},  # of its gains, all on the first rank
    "overflow before compression": {"overflow": [BAD, "blocks.0.mlp_in"]},
    "overflow in 2 x 2": {"overflow": [BAD, "blocks.0.mlp_in"]},
}


def hsdp(shard_ranks: int) -> dict[str, Any]:
    return {"mode": "hsdp", "shard_ranks": shard_ranks}


Make = Callable[..., dict[str, Any]]
Run = tuple[dict[str, Any], dict[str, Any]]  # how the ranks share the model, and changes of the training


ON_TWO_MACHINES = ["with a bad rank", "16-bit low rank", "16-bit with a bad rank", "per block, full rank"]
ON_TWO_MACHINES += ["overflow before compression"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, token_shard: str, bpe_path: str) -> Make:
    folder = tmp_path_factory.mktemp("sharding")

    def job(name: str, sharding: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
        data = {"train": [token_shard], "val": [token_shard], "bpe": bpe_path}
        job = {"model": MODEL, "training": COMMON | training, "data": data, "sharding": sharding}
        return job | {"out": str(folder / name)}

    return job


class Group:
    """Several trainings by one group of ranks, and the same alone."""

    def __init__(self, ranks: int, make: Make, base: dict[str, Any], runs: dict[str, Run], name: str) -> None:
        self.ranks = ranks
        self._out = Path(make(name, {}, {})["out"])
        self._jobs = {each: make(f"{name}-{each}", how, base | more) for each, (how, more) in runs.items()}
        self._alone = make(f"{name}-alone", {}, base)
        for each, job in self._jobs.items():
            if ", then " in each:
                job["goes_on_from"] = self._jobs[each.split(",")[0]]["out"]
        jobs = {each: job | WRONG.get(each, {}) for each, job in self._jobs.items()}
        agent = start_ranks(["tests/support/sharded_runs.py"], {"out": str(self._out), "runs": jobs}, ranks)
        try:
            train(PriorJob.model_validate(self._alone), Ranks())
            assert agent.wait(580) == 0
        finally:
            agent.kill()

    def seen(self, name: str) -> list[dict[str, Any]]:
        """What each rank saw of a run."""
        return [json.loads(Path(f"{self._out}.{name}.{rank}.json").read_text()) for rank in range(self.ranks)]

    def curve(self, name: str) -> list[dict[str, float]]:
        return [json.loads(line) for line in (self._folder(name) / "metrics.jsonl").read_text().splitlines()]

    def assert_same(self, name: str, other: str = "alone", atol: float = 1e-5, from_step: int = 0) -> None:
        """Weights within `atol`, and curves too, those from a step on."""
        first, second = (read_tensors(self._folder(each) / "weights.safetensors")[0] for each in (name, other))
        assert first.keys() == second.keys()
        for weight in first:
            torch.testing.assert_close(first[weight], second[weight], atol=atol, rtol=0, msg=lambda m, n=weight: n + m)
        curves = [[line for line in self.curve(each) if line["step"] >= from_step] for each in (name, other)]
        assert len(curves[0]) == len(curves[1])
        for ours, theirs in zip(*curves, strict=True):
            assert ours == pytest.approx(theirs, rel=5e-5, abs=atol)

    def saved(self, name: str) -> dict[str, torch.Tensor]:
        """What ranks saved in the oldest checkpoint of a run, of sharded tensors the last one's part."""
        oldest = min((self._folder(name) / "checkpoints").iterdir())
        return {n: t for file in sorted(oldest.glob("*.safetensors")) for n, t in read_tensors(file)[0].items()}

    def _folder(self, name: str) -> Path:
        return Path((self._alone if name == "alone" else self._jobs[name])["out"])


@pytest.fixture(scope="module")
def two(make: Make) -> Group:
    """Two ranks and a few steps."""
    runs: dict[str, Run] = {
        "ddp": ({}, {}),
        "fsdp": (FSDP, {"accumulate": 2} | SAVED),
        "fsdp, then ddp": ({}, {"accumulate": 2} | SAVED),
        "two machines": (hsdp(1), {}),
        "full rank": (hsdp(1), FULL | {"accumulate": 2}),
        "low rank": (hsdp(1), LOW),
        "saved": (hsdp(1), LOW | SAVED),
        "saved, then two machines": (hsdp(1), LOW | SAVED),
        "saved, then one machine": (hsdp(2), LOW | SAVED),
        "low rank, one machine": (hsdp(2), LOW),
        "with a bad rank": (hsdp(1), LOW),
        "16-bit": (FSDP, NARROW | SAVED),
        "16-bit, then ddp": ({}, NARROW | SAVED),
        "16-bit low rank": (hsdp(1), LOW | NARROW | SAVED),
        "16-bit low rank, then one machine": (hsdp(2), LOW | NARROW | SAVED),
        "16-bit with a bad rank": (hsdp(1), LOW | NARROW),
        "bf16 replicas": ({}, {"precision": "bf16"}),
        "bf16": (FSDP, {"precision": "bf16", "activation_checkpointing": True}),
        "fp16 replicas": ({}, {"precision": "fp16"}),
        "fp16": (hsdp(1), FULL | {"precision": "fp16"}),
        "per block, replicas": ({}, PER_BLOCK),
        "per block": (FSDP, PER_BLOCK | {"activation_checkpointing": True}),
        "per block, full rank": (hsdp(1), PER_BLOCK | FULL | {"accumulate": 2}),
        "overflow in one shard": (FSDP, PER_BLOCK),
        "overflow before compression": (hsdp(1), PER_BLOCK | LOW),
    }
    return Group(2, make, PLAIN | {"steps": SHORT}, runs, "two")


@pytest.fixture(scope="module")
def four(make: Make) -> Group:
    """Four ranks and the optimiser of the paper."""
    runs: dict[str, Run] = {
        "ddp": ({}, {}),
        "fsdp": (FSDP, {}),
        "2 x 2": (hsdp(2), {"accumulate": 2}),
        "4 x 1": (hsdp(1), {}),
        "1 x 4": (hsdp(4), {}),
        "full rank": (hsdp(2), FULL | {"accumulate": 2}),
        "low rank": (hsdp(2), LOW),
        "low rank, four machines": (hsdp(1), LOW),
    }
    return Group(4, make, PAPERS | {"steps": STEPS}, runs, "four")


@pytest.fixture(scope="module")
def four_per_block(make: Make) -> Group:
    """Four ranks and a few steps in fp16."""
    runs: dict[str, Run] = {
        "per block, replicas": ({}, PER_BLOCK),
        "per block, 2 x 2": (hsdp(2), PER_BLOCK | {"accumulate": 2}),
        "per block, full rank": (hsdp(2), PER_BLOCK | FULL),
        "overflow in 2 x 2": (hsdp(2), PER_BLOCK | LOW),
    }
    return Group(4, make, PLAIN | {"steps": SHORT}, runs, "four-per-block")


@pytest.mark.end_to_end
@pytest.mark.parametrize("run", ["ddp", "fsdp", "two machines", "full rank"])
def test_two_ranks_learn_what_one_does(two: Group, run: str) -> None:
    two.assert_same(run)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("run", "whole"),
    [
        ("fsdp, then ddp", "fsdp"),
        ("saved, then two machines", "saved"),
        ("saved, then one machine", "saved"),
    ],
)
def test_a_run_that_goes_on_with_its_ranks_otherwise_ends_as_if_it_had_not_been_stopped(
    two: Group, run: str, whole: str
) -> None:
    two.assert_same(run, whole, from_step=SHORT // 2)
    assert len(two.seen(run)[0]["digests"]) == SHORT // 2


@pytest.mark.end_to_end
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_weights_gathered_in_half_precision_learn_what_autocast_does(two: Group, precision: str) -> None:
    ours, theirs = (two.curve(name) for name in (precision, f"{precision} replicas"))
    assert [line["loss"] for line in ours] == pytest.approx([line["loss"] for line in theirs], abs=1e-3)
    assert ours[-1]["loss"] < ours[0]["loss"] - 0.05


@pytest.mark.end_to_end
@pytest.mark.parametrize("run", ["per block", "per block, full rank"])
def test_fp16_with_scales_of_blocks_learns_the_same_in_shards_as_in_replicas(two: Group, run: str) -> None:
    _assert_same_in_fp16(two, run)


@pytest.mark.end_to_end
@pytest.mark.parametrize("run", ["overflow in one shard", "overflow before compression"])
def test_a_block_that_overflows_on_one_rank_skips_the_update_and_lowers_its_scale_on_all(two: Group, run: str) -> None:
    _assert_overflow_of_one_block(two, run)


@pytest.mark.end_to_end
def test_a_low_rank_gives_the_same_on_two_machines_as_on_two_ranks_of_one(two: Group) -> None:
    two.assert_same("low rank", "low rank, one machine")
    losses = [two.curve(name)[-1]["loss"] for name in ("low rank", "alone")]
    assert losses[0] != pytest.approx(losses[1], abs=1e-5)


@pytest.mark.end_to_end
@pytest.mark.parametrize(("run", "other"), [("16-bit", "alone"), ("16-bit low rank", "low rank")])
def test_moments_and_error_buffers_of_16_bits_learn_what_those_of_32_do(two: Group, run: str, other: str) -> None:
    two.assert_same(run, other, atol=1e-4)  # the updates change weights by up to 5e-3
    kept = two.saved(run)
    narrow = {name for name, tensor in kept.items() if tensor.dtype == torch.int16}
    matrices = {f"model.blocks.{n}.{name}.weight" for n in range(2) for name in MATRICES}
    moments = {f"optimiser:{name}/{moment}" for name in matrices for moment in ("exp_avg", "exp_avg_sq")}
    assert narrow == moments | ({f"parallel:{name}/error" for name in matrices} if "low rank" in run else set())
    assert all(kept[name].any() for name in narrow)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("run", "whole", "atol"),
    [
        ("16-bit, then ddp", "16-bit", 1e-5),
        ("16-bit low rank, then one machine", "16-bit low rank", 1e-4),  # the buffers' mean is rounded to 16 bits
    ],
)
def test_moments_and_error_buffers_of_16_bits_go_on_with_ranks_otherwise(
    two: Group, run: str, whole: str, atol: float
) -> None:
    two.assert_same(run, whole, atol=atol, from_step=SHORT // 2)


@pytest.mark.end_to_end
@pytest.mark.parametrize("run", ["two machines", "full rank", "low rank", *ON_TWO_MACHINES])
def test_machines_hold_the_same_bits_after_every_update(two: Group, run: str) -> None:
    first, second = (seen["digests"] for seen in two.seen(run))
    assert first == second
    assert len(first) == SHORT
    assert len(set(first)) == SHORT - (run in WRONG)


@pytest.mark.end_to_end
def test_a_bad_gradient_on_one_rank_skips_the_update_on_all(two: Group) -> None:
    for seen in two.seen("with a bad rank"):
        digests = seen["digests"]
        assert [n for n in range(1, SHORT) if digests[n] == digests[n - 1]] == [BAD]
    curve = two.curve("with a bad rank")
    assert curve[-1]["skipped"] == 1
    assert curve[-1]["loss"] < curve[0]["loss"]


@pytest.mark.end_to_end
@pytest.mark.parametrize(("run", "rank"), [("two machines", None), ("low rank", 4)])
def test_between_two_machines_goes_what_is_planned(two: Group, run: str, rank: int | None) -> None:
    _assert_sent_as_planned(two, run, machines=2, shard_ranks=1, compression_rank=rank)


@pytest.mark.end_to_end
def test_of_error_buffers_their_mean_over_machines_is_saved_and_each_machine_goes_on_with_it(two: Group) -> None:
    first, second = (seen["buffers"] for seen in two.seen("rest"))
    assert first == second
    assert [first[name] for name in ("started", "saved", "again")] == [[0.0], [2.0], [2.0]]
    assert first["names"] == ["layer.weight/error", "layer.weight/q"]


@pytest.mark.end_to_end
def test_error_buffers_hold_gradients_without_the_scales_of_their_weights(two: Group) -> None:
    for seen in two.seen("rest"):
        plain, scaled = seen["scaled"]
        assert scaled == plain
        assert all(any(values) for values in plain)


@pytest.mark.end_to_end
def test_a_model_without_blocks_is_replicated_and_says_so(two: Group) -> None:
    for seen in two.seen("rest"):
        assert seen["notes"] == ["this model is not cut into shards: every rank holds all of it, as in mode ddp"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", ["ddp", "fsdp", "2 x 2", "4 x 1", "1 x 4", "full rank"])
def test_four_ranks_learn_what_one_does(four: Group, run: str) -> None:
    four.assert_same(run)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", ["per block, 2 x 2", "per block, full rank"])
def test_fp16_with_scales_of_blocks_learns_the_same_on_two_machines_of_two(four_per_block: Group, run: str) -> None:
    _assert_same_in_fp16(four_per_block, run)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_block_that_overflows_on_one_of_four_ranks_skips_the_update_on_all(four_per_block: Group) -> None:
    _assert_overflow_of_one_block(four_per_block, "overflow in 2 x 2")
    digests = [seen["digests"] for seen in four_per_block.seen("overflow in 2 x 2")]
    assert digests[0] == digests[2]
    assert digests[1] == digests[3]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_low_rank_gives_the_same_on_two_machines_of_two_as_on_four(four: Group) -> None:
    four.assert_same("low rank", "low rank, four machines")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("run", "machines", "rank"),
    [("2 x 2", 2, None), ("4 x 1", 4, None), ("low rank", 2, 4), ("low rank, four machines", 4, 4)],
)
def test_between_machines_goes_what_is_planned(four: Group, run: str, machines: int, rank: int | None) -> None:
    _assert_sent_as_planned(four, run, machines, 4 // machines, rank)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_machines_hold_the_same_bits_after_each_of_200_updates(make: Make) -> None:
    group = Group(4, make, PLAIN | {"steps": 200, "log_every": 50}, {"low rank": (hsdp(2), LOW)}, "long")
    digests = [seen["digests"] for seen in group.seen("low rank")]
    assert [len(set(each)) for each in digests] == [200] * 4
    assert digests[0] == digests[2]
    assert digests[1] == digests[3]
    assert digests[0] != digests[1]  # they hold different shards


def _assert_same_in_fp16(group: Group, run: str) -> None:
    ours, theirs = ([line["loss"] for line in group.curve(name)] for name in (run, "per block, replicas"))
    exact = [line["loss"] for line in group.curve("alone")][: len(ours)]
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert ours == pytest.approx(exact, abs=1e-2)
    assert ours[-1] < ours[0] - 0.05
    assert group.curve(run)[-1]["skipped"] == 0


def _assert_overflow_of_one_block(group: Group, run: str) -> None:
    """The second of four branches overflowed on the last rank."""
    for seen in group.seen(run):
        digests = seen["digests"]
        assert [n for n in range(1, SHORT) if digests[n] == digests[n - 1]] == [BAD]
        assert seen["scales"] == group.seen(run)[0]["scales"]
        lowered, others = 2.0 ** (12.5 + BAD / 1000), 2.0 ** (13 + (BAD + 1) / 1000)
        assert seen["scales"][BAD] == pytest.approx([others, lowered, others, others], rel=1e-5)
    curve = group.curve(run)
    assert curve[-1]["skipped"] == 1
    assert curve[-1]["loss"] < curve[0]["loss"]


def _assert_sent_as_planned(
    group: Group, run: str, machines: int, shard_ranks: int, compression_rank: int | None
) -> None:
    [size] = {key for seen in group.seen(run) for key in seen["sent"]} - {"-1"}
    assert int(size) == machines
    bytes_of_a_machine = sum(seen["sent"][size] for seen in group.seen(run)[:shard_ranks])
    of_a_ring = 2 * (machines - 1) / machines * bytes_of_a_machine / len(group.seen(run)[0]["digests"])
    # What leaves a machine depends on the parts that are compressed, not on how many of its ranks share them.
    parallel = Parallel(mode="hsdp", machines=machines, gpus_per_machine=2, compression_rank=compression_rank)
    planned = traffic(prior_weights(PriorModelConfig(**MODEL)), parallel, number_bytes=4, accumulate=1)
    print(f"{run}: {of_a_ring:.0f} bytes, planned {planned.between_machines}")
    assert of_a_ring == pytest.approx(planned.between_machines, rel=0.02)
    assert compression_rank is None or planned.between_machines < 0.8 * planned.uncompressed


@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_compression_is_for_several_machines_only(mode: Any) -> None:
    config = TrainingConfig(compression_rank=8)
    for ranks in (Ranks(), Ranks(world=2)):
        with pytest.raises(ValueError, match="compression_rank is for several ranks with sharding mode hsdp"):
            parallelise(*_layer(), config, Sharding(mode=mode), ranks)
    with pytest.raises(ValueError, match="compression_rank 12 does not divide over compression_shards = 8"):
        TrainingConfig(compression_rank=12)


def test_muon_is_refused_where_matrices_are_cut() -> None:
    config = TrainingConfig(muon_learning_rate=0.02)
    with pytest.raises(ValueError, match="muon_learning_rate needs whole matrices, and sharding mode fsdp cuts them"):
        parallelise(*_layer(), config, Sharding(mode="fsdp"), Ranks(world=2))


def test_ranks_that_do_not_divide_into_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="3 ranks do not divide into machines of 2"):
        parallelise(*_layer(), TrainingConfig(), Sharding(mode="hsdp", shard_ranks=2), Ranks(world=3))
    with pytest.raises(ValueError, match="shard_ranks is for mode hsdp"):
        Sharding(mode="fsdp", shard_ranks=2)


def _layer() -> tuple[nn.Module, list[nn.Module], list[Matrix]]:
    layer = nn.Linear(8, 8)
    return nn.Sequential(layer), [layer], [Matrix(layer.weight)]


def test_a_run_goes_on_however_its_ranks_share_the_model(make: Make) -> None:
    jobs = [PriorJob.model_validate(make("named", how, {})) for how in ({}, FSDP, hsdp(2))]
    assert len({_name_of(job) for job in jobs}) == 1
    assert _name_of(PriorJob.model_validate(make("named", hsdp(2), LOW))) != _name_of(jobs[0])
