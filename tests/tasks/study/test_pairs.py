"""Pairs are drawn by a seed; sides are balanced, and differ from seed to seed."""

import pytest

from tasks.errors import ConfigError
from tasks.study.pairs import StudyKey, draw_pairs
from tasks.study.sides import PictureSide, Place


def side(name: str, prompts: list[str]) -> PictureSide:
    return PictureSide(name, {prompt: Place(f"{name}/{prompt}.png") for prompt in prompts})


A = side("ours", [f"p{i}" for i in range(40)])
B = side("theirs", [f"p{i}" for i in range(10, 60)])


def test_equal_seeds_give_equal_pairs_and_others_give_others() -> None:
    key = draw_pairs(A, B, seed=3)
    assert key == draw_pairs(A, B, seed=3)
    assert StudyKey.model_validate_json(key.model_dump_json()) == key
    assert key.study != draw_pairs(A, B, seed=4).study


def test_every_prompt_that_both_have_is_shown_once_with_balanced_sides() -> None:
    key = draw_pairs(A, B, seed=0)
    assert sorted(pair.prompt for pair in key.pairs) == sorted(f"p{i}" for i in range(10, 40))
    assert [pair.number for pair in key.pairs] == list(range(1, 31))
    assert sum(pair.left == "a" for pair in key.pairs) == 15


def test_sides_do_not_depend_on_place_or_prompt() -> None:
    keys = [draw_pairs(A, B, seed) for seed in range(200)]
    by_place = [sum(key.pairs[place].left == "a" for key in keys) for place in range(30)]
    by_prompt = [
        sum(pair.left == "a" for key in keys for pair in key.pairs if pair.prompt == f"p{i}") for i in range(10, 40)
    ]
    assert all(65 < count < 135 for count in by_place + by_prompt)  # five standard deviations of a fair coin


def test_some_prompts_are_drawn_at_random_and_checks_stand_among_them() -> None:
    key = draw_pairs(A, B, seed=1, count=7, checks=4)
    assert len(key.compared()) == 7
    checks = [pair for pair in key.pairs if pair.of is not None]
    assert sorted(pair.of for pair in checks) == ["a", "a", "b", "b"]
    assert {pair.number for pair in checks} != set(range(8, 12))


def test_an_answer_stands_for_the_side_that_was_shown_there() -> None:
    pair = draw_pairs(A, B, seed=1).pairs[0]
    other = {"a": "b", "b": "a"}[pair.left]
    assert [pair.chosen(answer) for answer in ("left", "right", "neither")] == [pair.left, other, None]


def test_too_few_prompts_in_common_are_told_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="have 30 prompts in common, not 31"):
        draw_pairs(A, B, seed=0, count=31)
    with pytest.raises(ConfigError, match="have no prompt in common, such as 'p0' and 'x'"):
        draw_pairs(A, side("theirs", ["x"]), seed=0)
