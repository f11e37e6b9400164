"""Two sides made by hand, compared prompt by prompt."""

import pytest
from support.evidence import judged

from tasks.compare import sentences
from tasks.compare.comparison import BEST, UNCURATED, FigureCompared, PairCompared, compare_pair
from tasks.evaluate.evidence import by_prompt


def side(hits_by_prompt: dict[int, list[bool]], group: str = "train", **values):
    """The prompts of a side by key, with what is known of each picture."""
    rows = [
        {**row, "wrong": None, **values}
        for number, hits in hits_by_prompt.items()
        for row in judged(number, hits, group)
    ]
    return {(own.best["group"], own.best["prompt"], own.best["pair_id"]): own for own in by_prompt(rows)}


def figures(pair: PairCompared) -> dict[tuple[str, str], FigureCompared]:
    return {(figure.title, figure.chosen): figure for figure in pair.figures}


def compared(first, second, limit: float | None = None) -> PairCompared:
    return compare_pair(("A", "B"), first, second, limit)


RIGHT, WRONG = [True, True], [False, False]


def test_a_side_that_is_right_where_the_other_is_wrong_is_better() -> None:
    pair = compared(side(dict.fromkeys(range(20), RIGHT)), side({n: WRONG if n < 15 else RIGHT for n in range(20)}))
    found = figures(pair)["right picture", BEST]
    assert (found.first, found.second, found.wins, found.losses, found.ties) == (1, 0.25, 15, 0, 5)
    assert found.ahead.value == 75
    assert found.verdict == "first"
    assert sentences.verdict(pair, found) == "A is better"
    assert sentences.remark(found) == ""
    assert sentences.tally(pair) == "A is better in 2 of 2 figures, B in 0"
    assert figures(compared(side(dict.fromkeys(range(20), WRONG)), side(dict.fromkeys(range(20), RIGHT))))[
        "right picture", BEST
    ].verdict == "second"  # fmt: skip


def test_equal_sides_cannot_be_told_apart_and_that_is_said() -> None:
    both = {n: RIGHT if n % 2 else WRONG for n in range(20)}
    found = figures(compared(side(both), side(both)))["right picture", UNCURATED]
    assert (found.verdict, found.p_holm, found.ahead.value) == ("cannot be told", 1, 0)
    assert sentences.remark(found) == "no difference on any of 20 prompts"


def test_where_it_cannot_be_told_it_is_said_how_many_prompts_would_tell() -> None:
    first, second = ({n: RIGHT if n % 4 != odd else WRONG for n in range(22)} for odd in (0, 1))
    found = figures(compared(side(first), side({**second, 1: RIGHT})))["right picture", BEST]
    assert found.verdict == "cannot be told"
    assert found.prompts_needed > 22
    assert f"takes about {found.prompts_needed:,}" in sentences.remark(found)
    assert found.least_found > abs(found.ahead.value)


def test_a_smaller_distance_is_better() -> None:
    near, far = (side({n: [None] for n in range(12)}, "val", true_mse=mse) for mse in (0.01, 0.04))
    found = figures(compared(far, near))["distance to the true picture", UNCURATED]
    assert (found.first, found.second, found.ahead.value) == pytest.approx((51, 25.5, -25.5))
    assert found.verdict == "second"


def test_pictures_nearer_to_training_than_is_usual_are_worse() -> None:
    copies, own = (side({n: [None] for n in range(12)}, "val", nearest_mse=mse) for mse in (0.0001, 0.04))
    found = figures(compared(copies, own, limit=20.0))["copies", UNCURATED]
    assert (found.first, found.second, found.verdict) == (1, 0, "second")
    assert compared(copies, own).figures == ()  # without a yardstick nothing is a copy


def test_prompts_that_only_one_side_has_are_counted_and_left_out() -> None:
    pair = compared(side(dict.fromkeys(range(8), RIGHT)), side(dict.fromkeys(range(5, 12), RIGHT)))
    assert (pair.prompts, pair.only_first, pair.only_second) == (3, 5, 4)
    assert sentences.shared(pair) == (
        "A and B have 3 prompts in common; 5 that only A has are left out; 4 that only B has are left out"
    )


def test_the_same_words_in_another_group_are_another_prompt() -> None:
    assert compared(side({0: RIGHT}), side({0: RIGHT}, "val")).prompts == 0


def test_of_more_pictures_the_best_is_that_of_as_many() -> None:
    eight = side({n: [True] + [False] * 7 for n in range(12)})
    two = side({n: [True, False] for n in range(12)})
    pair = compared(eight, two)
    assert pair.unequal == 12
    assert figures(pair)["right picture", BEST].first == pytest.approx(2 / 8)  # it is among two of eight
    assert figures(pair)["right picture", BEST].second == 1
    assert "different numbers of pictures" in sentences.shared(pair)


def test_with_one_picture_of_each_prompt_the_best_is_no_second_figure() -> None:
    pair = compared(side({n: [n < 8] for n in range(12)}), side({n: [n < 4] for n in range(12)}))
    assert [figure.chosen for figure in pair.figures] == [UNCURATED]
