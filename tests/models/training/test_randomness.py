"""Random numbers depend on seed, step, rank and purpose, and on nothing else."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.training.randomness import Step, generator_of, seed_of


def test_the_same_seed_step_and_purpose_give_the_same_noise() -> None:
    first = torch.rand(4, generator=Step(7, seed=3).generator("gumbel"))
    torch.rand(100)  # what was drawn elsewhere does not matter
    assert torch.equal(first, torch.rand(4, generator=Step(7, seed=3).generator("gumbel")))


def test_seed_step_rank_and_purpose_each_change_the_noise() -> None:
    seeds = {
        seed_of(seed, step, rank, purpose)
        for seed in (0, 1)
        for step in (0, 1)
        for rank in (0, 1)
        for purpose in ("crop", "gumbel")
    }
    assert len(seeds) == 16


def test_parts_of_a_seed_are_kept_apart() -> None:
    assert seed_of("a", "b") != seed_of("ab")
    assert seed_of(1, 23) != seed_of(12, 3)
    assert seed_of(1) != seed_of("1")


@given(examples=st.integers(1, 40), batch=st.integers(1, 12), seed=st.integers(0, 5))
def test_every_example_is_seen_once_an_epoch(examples: int, batch: int, seed: int) -> None:
    steps = examples  # examples * batch positions are exactly `batch` epochs
    seen = [i for number in range(steps) for i in Step(number, seed).indices(examples, batch)]
    for start in range(0, len(seen), examples):
        assert sorted(seen[start : start + examples]) == list(range(examples))


@given(number=st.integers(0, 50))
def test_two_ranks_share_the_batch_of_one_rank(number: int) -> None:
    alone = Step(number, seed=1).indices(10, 8)
    shared = [Step(number, 1, rank, 2).indices(10, 8) for rank in (0, 1)]
    assert shared[0] + shared[1] == alone


def test_epochs_are_in_different_orders() -> None:
    assert Step(0, seed=0).indices(50, 50) != Step(1, seed=0).indices(50, 50)


def test_a_generator_can_be_made_for_any_device() -> None:
    assert generator_of("x", device="cpu").device.type == "cpu"
