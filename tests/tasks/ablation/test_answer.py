"""The sentence for each verdict comes from the intervals, not from the points."""

import pytest

from tasks.ablation.answer import answered, whole_answer
from tasks.ablation.figures import GainPerDoubling, MeasureAnswer
from tasks.evaluate.quantities import Estimate

Interval = tuple[float, float, float]  # value, low, high


def gain(data: Interval, model: Interval, difference: Interval, unit: str = "nats") -> GainPerDoubling:
    of = [Estimate(value=value, low=low, high=high, n=18, unit=unit) for value, low, high in (data, model, difference)]
    return GainPerDoubling(data=of[0], model=of[1], difference=of[2])


def test_data_mattered_more_where_it_gained_more_and_gained_at_all() -> None:
    said = answered(gain((0.05, 0.04, 0.06), (0.02, 0.01, 0.03), (0.03, 0.01, 0.05)))
    assert said.mattered == "data"
    assert said.sentence == (
        "Data mattered more: twice the images gained 0.05 nats (0.04 to 0.06), twice the parameters 0.02 nats "
        "(0.01 to 0.03); the difference is 0.03 nats (0.01 to 0.05)."
    )


def test_the_model_mattered_more_where_that_gained_more() -> None:
    said = answered(gain((0.0, -0.01, 0.01), (0.02, 0.01, 0.03), (-0.02, -0.03, -0.01)))
    assert said.mattered == "model"
    assert said.sentence.startswith("The model mattered more: twice the images gained 0 nats (-0.01 to 0.01)")


def test_a_larger_point_is_not_told_from_a_smaller_one_by_intervals_that_hold_none() -> None:
    said = answered(gain((0.05, 0.01, 0.09), (0.02, 0.01, 0.03), (0.03, -0.01, 0.07)))
    assert said.mattered == "cannot be told"
    assert said.sentence.startswith("It cannot be told which mattered more: twice the images gained 0.05 nats")
    assert said.sentence.endswith("the difference is 0.03 nats (-0.01 to 0.07), which may be none.")


def test_what_harmed_less_did_not_matter_more() -> None:
    said = answered(gain((0.01, -0.01, 0.03), (-0.05, -0.06, -0.04), (0.06, 0.04, 0.08)))
    assert said.mattered == "cannot be told"
    assert said.sentence.endswith("(0.04 to 0.08), but what gained more may have gained nothing.")


def test_runs_that_are_all_alike_tell_nothing() -> None:
    none = (0.0, 0.0, 0.0)
    said = answered(gain(none, none, none, "percentage points"))
    assert said.sentence == "It cannot be told which mattered more: no run differs from another."


@pytest.mark.parametrize(
    ("loss", "drawings", "said"),
    [
        (
            *("data", "data"),
            "Doubling for doubling data mattered more, by the held-out loss of image tokens and by right drawings of "
            "held-out captions.",
        ),
        (
            *("model", "cannot be told"),
            "Doubling for doubling: by the held-out loss of image tokens the model mattered more; by right drawings of "
            "held-out captions it cannot be told which mattered more.",
        ),
    ],
)
def test_the_whole_answer_names_the_measures_where_they_disagree(loss: str, drawings: str, said: str) -> None:
    answers = {"image_loss": loss, "score": "data", "right_held_out": drawings}
    told = {name: MeasureAnswer(mattered=each, sentence="") for name, each in answers.items()}
    assert whole_answer(told) == said
