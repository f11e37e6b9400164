"""The first words of the page follow the figures: what is not measured is not said."""

import pytest
from support.evidence import corpus, evidence, judged

from tasks.compositions.scene import Scene
from tasks.evaluate import figures
from tasks.evaluate.compositions.trial import JudgeTrial, Reading
from tasks.evaluate.quantities import Question
from tasks.report.config import Targets
from tasks.report.facts import RunFacts
from tasks.report.headlines import headlines
from tasks.report.summary import summary


def facts(seen: float, unseen: float | None = None, prompts: int = 60) -> RunFacts:
    """A run in which the best sample is right for these shares of prompts."""
    rows = [
        row
        for group, share in (("train", seen), ("val", unseen))
        if share is not None
        for i in range(prompts)
        for row in judged(i + (prompts if group == "val" else 0), [i < share * prompts, False], group=group)
    ]
    found = evidence(rows)
    held_out = None if unseen is None else found.train
    return RunFacts({}, figures.measure(evidence(rows, val=held_out)))


def said(run: RunFacts) -> str:
    return " ".join(summary(run))


def test_a_run_that_draws_noise_is_not_said_to_redraw_anything() -> None:
    text = said(facts(seen=0.0, unseen=0.0))
    assert "have not learned to draw" in text
    assert "redraw" not in text
    assert "memory" not in text


@pytest.mark.parametrize(("share", "words"), [(0.95, "most of"), (0.4, "some of")])
def test_how_much_is_redrawn_follows_the_share_of_right_pictures(share: float, words: str) -> None:
    assert f"redraw {words} the pictures" in said(facts(seen=share))


@pytest.mark.parametrize(("share", "words"), [(0.9, "they do better"), (0.0, "not shown to do better")])
def test_captions_never_seen_are_judged_by_their_own_share(share: float, words: str) -> None:
    assert words in said(facts(seen=1.0, unseen=share))


def test_seen_and_unseen_stand_side_by_side_and_say_which_is_which() -> None:
    first, second = headlines(facts(seen=1.0, unseen=0.5), Targets(hit_rate=0.5))[:2]
    assert "training captions" in first.label
    assert "captions never seen" in second.label
    assert (first.value, second.value) == ("100%", "50%")
    assert (first.met, second.met) == (True, None)


def test_without_a_target_nothing_is_marked() -> None:
    assert {(tile.met, tile.target) for tile in headlines(facts(seen=1.0), Targets())} == {(None, "")}


def test_seen_and_unseen_compositions_come_first_and_the_judges_accuracy_answers_for_them() -> None:
    right, other = Scene(("cat",), colour="blue"), Scene(("dog",), colour="blue")
    rebuilt = [Reading(right, right), Reading(right, other)]
    trial = JudgeTrial([Reading(right, right)] * 3, rebuilt, [False], {}, {}, *[frozenset[str]()] * 2)
    rows = [
        row | {"asked": ["thing"], "wrong": wrong, "read": "cat on blue"}
        for i, group in enumerate(("train", "val", "val"))
        for row, wrong in zip(judged(i, [None, None], group=group), ([], ["thing"] if i == 1 else []), strict=True)
    ]
    measured = figures.measure(evidence(rows, compositions=trial))
    first, best = headlines(RunFacts({}, measured), Targets(composed_first=0.7, composed_best=0.85))[:2]
    assert first.label == "Right composition, seen / unseen, first drawn"
    assert (first.value, best.value) == ("100% / 50%", "100% / 100%")
    assert (first.met, best.met) == (False, True)

    tiles = headlines(RunFacts({}, measured), Targets())
    [accuracy] = [each for each in tiles if each.label == "The judge reads right"]
    assert (accuracy.question, accuracy.value) == (Question.TRUST, "50%")
    assert "2 rebuilt held-out pictures" in accuracy.beside


def composed(seen: float, unseen: float, prompts: int = 60) -> RunFacts:
    """A run on compositions in which the first drawing is right for these shares of prompts, and all hit."""
    cat, dog = Scene(("cat",), colour="blue"), Scene(("dog",), colour="blue")
    trial = JudgeTrial([Reading(cat, cat), Reading(dog, dog)], [], [False], {}, {}, *[frozenset[str]()] * 2)
    rows = [
        row | {"asked": ["thing"], "wrong": [] if i < share * prompts else ["thing"], "read": "cat on blue"}
        for group, share in (("train", seen), ("val", unseen))
        for i in range(prompts)
        for row in judged(i + (prompts if group == "val" else 0), [True, True], group=group)
    ]
    return RunFacts({}, figures.measure(evidence(rows, compositions=trial, val=evidence(rows).train)))


@pytest.mark.parametrize(("share", "words"), [(0.9, "Most of these drawings"), (0.3, "Some of these drawings")])
def test_a_run_that_draws_combinations_never_seen_is_not_said_to_know_its_pictures_by_heart(
    share: float, words: str
) -> None:
    text = said(composed(seen=1.0, unseen=share))
    assert f"right in all parts {share:.0%} of the time; for captions from training it is 100%" in text
    assert f"{words} are right where copying a training picture would be wrong" in text
    assert not [word for word in ("by heart", "memory", "redraw") if word in text]


def test_a_run_that_draws_no_combination_never_seen_is_not_said_to_combine() -> None:
    text = said(composed(seen=1.0, unseen=0.0))
    assert "does not show that the models combine parts" in text
    assert "in new ways" not in text


def test_few_pictures_of_no_compositions_are_said_to_be_learned_by_heart() -> None:
    assert "learned by heart" in said(facts(seen=1.0, unseen=0.9))


def test_a_small_chance_is_not_written_as_none() -> None:
    rows = judged(0, [True, True])
    tile = headlines(RunFacts({}, figures.measure(evidence(rows, train=corpus(5000, rows)))), Targets())[0]
    assert "By chance: 0.02%." in tile.explanation
