"""Random numbers depend on seed, purpose, and step or position of the example, and on nothing else."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.training.randomness import Step, generator_of, seed_of


def test_the_same_seed_step_and_purpose_give_the_same_noise() -> None:
    first = torch.rand(4, generator=Step(7, seed=3).generator("gumbel"))
    torch.rand(100)  # what was drawn elsewhere does not matter
    assert torch.equal(first, torch.rand(4, generator=Step(7, seed=3).generator("gumbel")))


def test_parts_of_a_seed_are_kept_apart() -> None:
    assert seed_of("a", "b") != seed_of("ab")
    assert seed_of(1, 23) != seed_of(12, 3)
    assert seed_of(1) != seed_of("1")


@given(number=st.integers(0, 50), world=st.sampled_from([1, 2, 4]), parts=st.sampled_from([1, 2, 3]))
def test_ranks_and_parts_share_the_positions_of_a_step(number: int, world: int, parts: int) -> None:
    steps = [Step(number, 1, rank, world, part, parts) for rank in range(world) for part in range(parts)]
    assert [i for step in steps for i in step.positions(24)] == list(Step(number, 1).positions(24))


@given(world=st.sampled_from([2, 4]), parts=st.sampled_from([1, 2]))
def test_an_example_has_its_noise_on_any_rank_in_any_part(world: int, parts: int) -> None:
    steps = [Step(3, 1, rank, world, part, parts) for rank in range(world) for part in range(parts)]
    alone = Step(3, 1)
    assert torch.equal(torch.cat([step.uniform("x", 8, (2, 3)) for step in steps]), alone.uniform("x", 8, (2, 3)))
    spread = [random.random() for step in steps for random in step.of_examples("x", 8)]
    assert spread == [random.random() for random in alone.of_examples("x", 8)]


def test_position_seed_and_purpose_each_change_the_noise_of_an_example() -> None:
    noises = [
        tuple(step.uniform(purpose, 2, (1,)).flatten().tolist())
        for step in (Step(0, 0), Step(1, 0), Step(0, 1))
        for purpose in ("gumbel", "other")
    ]
    assert len({value for noise in noises for value in noise}) == 12


def test_position_decides_and_not_the_size_of_the_batch() -> None:
    assert torch.equal(Step(2, 0).uniform("x", 4, (5,)), Step(1, 0).uniform("x", 8, (5,))[:4])


def test_a_generator_can_be_made_for_any_device() -> None:
    assert generator_of("x", device="cpu").device.type == "cpu"
