"""The page calls no figure of another network FID, and says what distances of few pictures compare with."""

from dataclasses import replace

import pytest
from lxml import html as parser
from support.finished_run import FinishedRun

from tasks.evaluate.picture_sets.metric import DRAWN, TRUE, ClassScore, PictureSetFigures, SetDistance
from tasks.evaluate.quantities import Curve, Estimate, Line
from tasks.report.config import Config
from tasks.report.facts import gather
from tasks.report.page import render
from tasks.report.provenance import Provenance

NEAR, FAR = (Estimate(value=value, low=value - 20, high=value + 20, n=24) for value in (199.0, 547.0))
BY_BLUR = Curve(
    x_name="radius of the blur, pixels of 256",
    lines=(Line.of(DRAWN, (0, 4), (FAR, NEAR)), Line.of(TRUE, (0, 4), (NEAR, NEAR))),
)


def figures(**named: object) -> PictureSetFigures:
    return PictureSetFigures.model_validate(
        {"network": "the network's name", "prompts": 24, "held_out": 40, "side_px": 64, **named}
    )


def limits_and_section(run: FinishedRun, shown: PictureSetFigures) -> tuple[str, str]:
    facts = gather([run.artifacts["evaluate"]], Provenance())
    assert facts.evaluation is not None
    told = replace(facts, evaluation=facts.evaluation.model_copy(update={"picture_sets": shown}))
    page = parser.document_fromstring(render(Config(), told))
    limits, section = (page.get_element_by_id(name).text_content() for name in ("limits", "figures-picture_sets"))
    return limits, section


@pytest.mark.parametrize(
    ("distance", "score"), [("efficientnet_distance", "efficientnet_class_score"), ("fid", "inception_score")]
)
def test_a_network_that_is_not_inception_lends_its_own_name(run: FinishedRun, distance: str, score: str) -> None:
    distances = SetDistance(drawn=FAR, true=NEAR, excess=NEAR, training=None, by_blur=BY_BLUR, by_pictures=None)
    shown = figures(**{distance: distances, score: ClassScore(drawn=FAR, true=NEAR, by_blur=BY_BLUR)})
    limits, section = limits_and_section(run, shown)
    assert "547" in section
    assert ("Fréchet distance (EfficientNet-Lite0)" in section) == (distance != "fid")
    assert ("An FID of 24 drawings" in limits) == (distance == "fid")
    assert ("No FID" in limits) == (distance != "fid")
    assert "No human votes" in limits
