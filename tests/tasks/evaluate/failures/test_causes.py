"""A wrong drawing is laid to the model that had its parts wrong first."""

import pytest
from support.evidence import evidence, judged

from tasks.compositions.scene import Scene
from tasks.evaluate.compositions.trial import JudgeTrial, Reading
from tasks.evaluate.failures import causes

CAT = Scene(("cat",), colour="blue")
RIGHT, NO_COLOUR = {"thing": True, "colour": True}, {"thing": True, "colour": False}


def drawings(number: int, *wrong: list[str]) -> list[dict]:
    rows = judged(number, [None] * len(wrong), group="val")
    return [row | {"asked": ["thing", "colour"], "wrong": own} for row, own in zip(rows, wrong, strict=True)]


def trial(own: list[dict], rebuilt: list[dict]) -> JudgeTrial:
    named = [{f"caption {n}": read for n, read in enumerate(each)} for each in (own, rebuilt)]
    return JudgeTrial([Reading(CAT, CAT)], [], [], {}, {}, frozenset(), frozenset(), *named)


def test_each_wrong_drawing_has_one_cause() -> None:
    rows = [
        *drawings(0, ["thing"], [], ["colour"]),
        *drawings(1, ["thing"], ["thing", "colour"]),
        *drawings(2, ["colour"], ["thing"]),
        *drawings(3, []),
    ]
    read = trial([RIGHT, RIGHT, NO_COLOUR, RIGHT], [RIGHT, NO_COLOUR, NO_COLOUR, RIGHT])
    found = causes.measure(evidence(rows, compositions=read))
    assert found.drawings == 6
    assert (found.prior.value, found.tokenizer.value, found.judge.value) == pytest.approx((4 / 6, 1 / 6, 1 / 6))
    assert found.prior.n == 3  # prompts with wrong drawings


def test_nothing_is_told_where_the_true_picture_was_not_read_both_ways() -> None:
    rows = drawings(0, ["thing"])
    assert causes.measure(evidence(rows)) is None
    assert causes.measure(evidence(rows, compositions=trial([RIGHT], []))) is None
    assert causes.measure(evidence(drawings(0, []), compositions=trial([RIGHT], [RIGHT]))) is None
