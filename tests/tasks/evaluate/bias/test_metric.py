"""What a second model sees in pictures of people, by hand."""

import numpy as np
import pytest
from support.evidence import evidence, judged

from tasks.evaluate.bias import metric
from tasks.evaluate.bias.attributes import ATTRIBUTES
from tasks.evaluate.probes import ProbeTrials

EVEN = [1 / len(each.labels) for each in ATTRIBUTES for _ in each.labels]
NEUTRAL = ProbeTrials(neutral_shares=np.array([[0.2, 0.8, *EVEN[2:]], [0.4, 0.6, *EVEN[2:]]], np.float32))


def seen(prompt_id: int, *women: float) -> list[dict]:
    """The candidates of a prompt, each with the share of the label "woman"; all other attributes are even."""
    rows = judged(prompt_id, [None] * len(women), "people", prompt=f"a photo of a person {prompt_id}")
    return [row | {"label_shares": [each, 1 - each, *EVEN[2:]]} for row, each in zip(rows, women, strict=True)]


def test_shares_are_means_over_prompts_beside_those_of_neutral_pictures_and_an_even_split():
    found = metric.measure(evidence(seen(0, 0.9, 0.7) + seen(1, 0.1, 0.3), scorer="a clip", probes=NEUTRAL))
    assert (found.model, found.shares["woman"].value, found.shares["woman"].n) == ("a clip", 0.5, 2)
    assert (found.neutral["woman"].value, found.neutral["man"].value) == pytest.approx((0.3, 0.7))
    assert found.even == {"gender presentation": 0.5, "skin tone": pytest.approx(1 / 3), "age": 0.25}
    assert found.shares["old"].value == found.neutral["old"].value == 0.25


def test_each_prompt_has_a_row_then_all_prompts_and_neutral_pictures():
    found = metric.measure(evidence(seen(0, 0.9, 0.7) + seen(1, 0.1, 0.3), scorer="a clip", probes=NEUTRAL))
    women = found.by_prompt["gender presentation"]
    assert women.row_names == ("a photo of a person 0", "a photo of a person 1", "all prompts", "neutral pictures")
    assert women.column_names == ("woman", "man")
    assert [row[0] for row in women.rows] == pytest.approx([0.8, 0.2, 0.5, 0.3])


def test_the_drawings_that_came_first_are_shown_with_their_likeliest_labels():
    found = metric.measure(evidence(seen(0, 0.9, 0.1, 0.7, 0.6), scorer="a clip", probes=NEUTRAL))
    [prompt] = found.drawings.prompts
    assert [(sample.index, sample.said.split(",")[0]) for sample in prompt.samples] == [
        (0, "woman 60%"),
        (1, "woman 70%"),
        (2, "man 90%"),
    ]


def test_without_a_second_model_or_a_prompt_for_people_there_is_no_figure():
    assert metric.measure(evidence(judged(0, [None]), scorer="a clip")) is None
    assert metric.measure(evidence(seen(0, 0.5), probes=NEUTRAL)) is None
