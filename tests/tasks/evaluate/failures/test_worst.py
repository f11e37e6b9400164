"""The worst prompts, parts and words, on samples of which it is known what they get wrong."""

import pytest
from support.evidence import evidence, judged

from tasks.evaluate.failures import worst


def prompt(
    number: int, text: str, wrong: list[list[str]], asked: tuple[str, ...] = ("thing", "colour"), **more
) -> list:
    """The candidates of a prompt, best first, with the parts that each gets wrong; the last was drawn first."""
    rows = judged(number, [None] * len(wrong), group="val", **({"asked": list(asked), "prompt": text} | more))
    return [row | {"wrong": own} for row, own in zip(rows, wrong, strict=True)]


ROWS = [
    *prompt(0, "a cat on blue", [[], ["colour"], [], []]),
    *prompt(1, "a dog on blue", [["thing"], ["thing", "colour"], ["thing"], []]),
    *prompt(2, "two dogs", [["count"], [], ["count"], ["count"]], asked=("count",)),
    *prompt(3, "a cat on red", [[], [], [], []]),
]


def test_of_wrong_drawings_the_share_that_has_a_part_wrong_is_counted_where_the_part_was_asked_for() -> None:
    failed = worst.measure(evidence(ROWS)).failed
    assert failed.thing.value == pytest.approx(
        3 / 4
    )  # of the wrong drawings of two prompts, one of them all right in it
    assert failed.colour.value == pytest.approx(2 / 4)
    assert (failed.count.value, failed.count.n) == (1, 1)
    assert failed.relation is None


def test_prompts_with_the_fewest_right_drawings_come_first_and_each_shows_its_first_drawn() -> None:
    shown = worst.measure(evidence(ROWS)).fewest_right.prompts
    assert [pick.prompt for pick in shown] == ["a dog on blue", "two dogs", "a cat on blue"]
    assert [pick.said for pick in shown] == ["1 of 4 right", "1 of 4 right", "3 of 4 right"]
    first = shown[1].samples[0]
    assert (first.index, first.said, first.is_right) == (0, "wrong: count", False)
    assert shown[0].samples[0].is_right is True  # it is not chosen for being wrong


def test_words_are_ranked_by_the_share_of_right_drawings_where_enough_prompts_have_them() -> None:
    rows = [*ROWS, *(row for n in range(4, 9) for row in prompt(n, f"a Owl number {n}", [["thing"], [], [], []]))]
    by_word = worst.measure(evidence(rows)).by_word
    assert list(by_word) == ["a", "number", "owl"]  # "cat" stands in two prompts
    assert by_word["owl"].value == pytest.approx(3 / 4)
    assert by_word["owl"].n == 5


def test_a_second_model_and_the_ranker_have_their_own_worst() -> None:
    rows = [row for n in range(3) for row in judged(n, [True, True], scorer_score=0.3 - n / 10)]
    rows = [row | {"score": row["score"] + row["prompt_id"]} for row in rows]
    found = worst.measure(evidence(rows))
    assert [pick.prompt for pick in found.lowest_by_scorer.prompts] == ["caption 2", "caption 1", "caption 0"]
    assert [pick.prompt for pick in found.lowest_by_ranker.prompts] == ["caption 0", "caption 1", "caption 2"]
    assert found.failed is found.fewest_right is None


def test_without_a_second_model_and_a_right_picture_there_is_only_the_ranker() -> None:
    found = worst.measure(evidence(judged(0, [None, None], group="fixed")))
    assert found.lowest_by_scorer is found.fewest_right is None
    assert found.lowest_by_ranker.prompts[0].said == ""
    assert worst.measure(evidence([])) is None
