"""Figures of compositions on verdicts whose rates are known beforehand."""

import pytest
from support.evidence import evidence, judged

from tasks.compositions.scene import Scene
from tasks.evaluate.compositions import metric
from tasks.evaluate.compositions.metric import Compositions
from tasks.evaluate.compositions.trial import JudgeTrial, Reading

CAT, DOG, PAIR = Scene(("cat",), colour="blue"), Scene(("dog",), colour="blue"), Scene(("cat", "dog"), "above")


def verdict(prompt_id: int, wrong: list[list[str]], group: str, asked: tuple[str, ...] = ("thing", "colour")) -> list:
    """The candidates of a prompt, best first, with the skills that each fails; the last was drawn first."""
    rows = judged(prompt_id, [None] * len(wrong), group=group)
    return [row | {"asked": list(asked), "wrong": own, "read": "a cat"} for row, own in zip(rows, wrong, strict=True)]


def trial(**known) -> JudgeTrial:
    originals = known.get("originals", [Reading(CAT, CAT), Reading(DOG, DOG)])
    new, fitting = (known.get(name, frozenset()) for name in ("new", "fitting"))
    by_words, by_ranker = (known.get(name, {}) for name in ("by_words", "by_ranker"))
    return JudgeTrial(originals, known.get("rebuilt", []), [False], by_words, by_ranker, new, fitting)


def measured(rows: list[dict], known: JudgeTrial | None = None) -> Compositions:
    return metric.measure(evidence(rows, compositions=known or trial()))


def test_a_drawing_is_right_if_nothing_that_was_asked_for_is_wrong() -> None:
    rows = verdict(0, [[], ["colour"], ["thing", "colour"], []], "train")
    rows += verdict(1, [["thing"], [], ["thing"], ["thing"]], "train")
    seen = measured(rows).seen
    assert (seen.best.value, seen.first.value, seen.any.value, seen.worst.value) == (0.5, 0.5, 1, 0.5)
    assert seen.every.value == pytest.approx(3 / 8)
    assert [line.y[-1] for line in seen.by_candidates.lines] == [0.5, 1]


def test_a_skill_is_measured_on_the_prompts_that_test_it_and_on_all_their_drawings() -> None:
    rows = verdict(0, [[], ["colour"]], "train") + verdict(1, [["relation"], []], "train", ("two things", "relation"))
    skills = measured(rows).skills_seen
    assert (skills.thing.value, skills.colour.value, skills.relation.value) == (1, 0.5, 0.5)
    assert skills.two_things.n == 1
    assert skills.count is None


def test_unseen_combinations_and_unseen_things_are_apart_from_seen_ones() -> None:
    rows = verdict(0, [[]], "train") + verdict(1, [["thing"]], "val") + verdict(2, [["thing"]], "val")
    found = measured(rows, trial(new=frozenset({"caption 2"})))
    assert (found.seen.first.value, found.unseen.first.value, found.new_things.first.n) == (1, 0, 1)


def test_what_searches_find_stands_beside_what_is_drawn_in_all_parts_and_skill_by_skill() -> None:
    right, half = {"thing": True, "colour": True}, {"thing": True, "colour": False}
    rows = verdict(0, [[]], "train") + verdict(1, [["thing"]], "val") + verdict(2, [[]], "val")
    found = measured(rows, trial(by_words={"caption 0": right, "caption 1": half, "caption 2": half}))
    assert (found.seen.word_search.value, found.unseen.word_search.value) == (1, 0)
    assert (found.skills_word_search.thing.value, found.skills_word_search.colour.value) == (1, 0)
    assert found.skills_word_search.thing.n == 2
    assert found.skills_word_search.pattern is None
    assert found.unseen.ranker_search is found.skills_ranker_search is None
    ranked = measured(rows, trial(by_ranker={"caption 1": right, "caption 2": half}))
    assert (ranked.unseen.ranker_search.value, ranked.skills_ranker_search.colour.value) == (0.5, 0.5)


def test_a_held_out_caption_that_a_training_picture_fits_is_not_called_unseen() -> None:
    rows = verdict(0, [["thing"]], "val") + verdict(1, [[]], "val")
    found = measured(rows, trial(fitting=frozenset({"caption 1"})))
    assert (found.unseen.first.value, found.unseen.first.n, found.left_out) == (0, 1, 1)


def test_prompts_that_tell_of_no_composition_are_not_counted() -> None:
    rows = verdict(0, [[]], "train") + [row | {"asked": None, "wrong": None} for row in verdict(1, [[]], "train")]
    assert measured(rows).seen.first.n == 1


def test_chance_is_how_often_another_picture_is_right_and_a_false_accept_one_that_should_not_be() -> None:
    asked_twice = trial(originals=[Reading(CAT, CAT), Reading(CAT, CAT), Reading(DOG, CAT)]).originals
    judge = measured(verdict(0, [[]], "train"), trial(originals=asked_twice)).judge
    assert judge.originals.value == pytest.approx(2 / 3)
    assert judge.other_pictures.value == pytest.approx(4 / 6)  # both captions of a cat, each of two other pictures
    assert judge.false_accepts.value == pytest.approx(2 / 4)  # the picture of a dog, taken for a cat
    assert judge.rebuilt is None


def test_the_judge_is_held_to_rebuilt_pictures_where_there_are_any() -> None:
    found = measured(verdict(0, [[]], "train"), trial(rebuilt=[Reading(PAIR, CAT)]))
    assert (found.judge.rebuilt.value, found.judge.originals.value) == (0, 1)
    assert found.judge_skills.relation.value == 0


def test_without_compositions_nothing_is_measured() -> None:
    assert metric.measure(evidence(judged(0, [True]))) is None
