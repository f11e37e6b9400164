"""A metric the report has never heard of is drawn by what its figures are."""

import re
from dataclasses import replace

from pydantic import Field

from tasks.evaluate.figures import Evaluation
from tasks.evaluate.quantities import (
    Baseline,
    Curve,
    Estimate,
    HeatMap,
    Histogram,
    Line,
    Part,
    Picked,
    Picks,
    Pictures,
    Question,
)
from tasks.report.config import Config
from tasks.report.facts import gather
from tasks.report.measured import sections
from tasks.report.page import render


class Edges(Part):
    """Edges of the drawn things."""

    per_picture: float = Field(title="edges in a picture", description="Counted by hand.")


class Sharpness(Part):
    """How sharp the drawings are. Blurred ones are near zero."""

    samples: Estimate = Field(title="drawings")
    pictures: Estimate = Field(title="true pictures")
    blur: Baseline = Field(title="a blurred picture")
    agreement: Estimate = Field(title="agreement of two judges")
    by_size: Curve = Field(title="Sharpness by size", description="Larger ones are softer.")
    spread: Histogram = Field(title="Spread")
    edges: Edges
    by_colour: dict[str, int] = Field(title="Sharp pictures by colour")
    by_word: dict[str, Estimate] = Field(default_factory=dict, title="Sharp pictures by word")
    maps: dict[str, HeatMap] = Field(
        default_factory=dict, title="Where they are sharp", description="Edges in a place."
    )
    blurred: Pictures | None = Field(None, title="Most blurred")


class NextEvaluation(Evaluation):
    """An evaluation with one metric more."""

    sharpness: Sharpness | None = Field(None, title="Sharp <edges>")


SHARPNESS = Sharpness(
    samples=Estimate(value=4.0, low=3.0, high=5.0, n=8, unit="lines"),
    pictures=Estimate(value=9.0, low=8.0, high=9.5, n=8, unit="lines"),
    blur=Baseline(value=1.0, unit="lines"),
    agreement=Estimate(value=0.75, low=0.5, high=0.9, n=8, unit="share"),
    by_size=Curve(x_name="pixels", lines=(Line(name="sharpness", x=(16, 32), y=(9, 4)),)),
    spread=Histogram(x_name="lines", edges=(0, 5, 10), counts={"drawings": (3, 5)}),
    edges=Edges(per_picture=12.5),
    by_colour={"red": 3, "blue": 1200},
)


def with_sharpness(sharpness: Sharpness | None) -> NextEvaluation:
    return NextEvaluation(samples=8, candidates=4, train_images=24, sharpness=sharpness)


def test_a_new_metric_has_a_section_of_the_page_and_its_place_in_the_navigation(run):
    facts = gather([run.artifacts["evaluate"]])
    more = NextEvaluation.model_validate(facts.evaluation.model_dump() | {"sharpness": SHARPNESS})
    page = render(Config(), replace(facts, evaluation=more))
    assert '<a href="#figures-sharpness">Sharp &lt;edges&gt;</a>' in page
    section = re.search(r'<section class="part" id="figures-sharpness">.*?</section>', page, re.DOTALL)[0]
    assert page.index('<section id="trust">') < page.index(section)
    assert "jq .evaluation.sharpness report.json" in section
    assert "How sharp the drawings are. Blurred ones are near zero." in section
    assert section.count("<svg") == 3
    for told in ("drawings", "4 lines", "Larger ones are softer.", "edges in a picture", "12.5", "1,200", "n = 8"):
        assert told in section
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


class Novelty(Sharpness):
    """A part that declares what it answers."""

    question = Question.NEW


def test_a_part_stands_under_the_question_that_it_declares(run):
    facts = gather([run.artifacts["evaluate"]])

    class Declared(Evaluation):
        novelty: Novelty | None = Field(None, title="Novelty")

    measured = Declared.model_validate(facts.evaluation.model_dump() | {"novelty": SHARPNESS.model_dump()})
    page = render(Config(), replace(facts, evaluation=measured))
    places = [page.index(f'id="{name}"') for name in ("draws", "new", "figures-novelty", "trust")]
    assert places == sorted(places)


def test_estimates_of_one_unit_share_a_plot_and_a_lone_one_stands_in_the_table():
    section = sections(with_sharpness(SHARPNESS))["sharpness"]
    assert [plot.title for plot in section.plots] == ["", "Sharpness by size", "Spread"]
    assert [number.title for number in section.numbers[""]] == ["a blurred picture", "agreement of two judges"]


def test_parts_and_lists_within_a_part_head_their_own_rows():
    section = sections(with_sharpness(SHARPNESS))["sharpness"]
    assert list(section.numbers) == ["", "Edges", "Sharp pictures by colour"]
    assert [number.value for number in section.numbers["Sharp pictures by colour"]] == ["3", "1,200"]


def test_what_could_not_be_measured_has_no_section():
    assert sections(with_sharpness(None)) == sections(None) == {}


def test_estimates_by_name_are_rows_with_their_intervals():
    by_word = {"cat": Estimate(value=0.5, low=0.25, high=0.75, n=6, unit="share")}
    [row] = sections(with_sharpness(SHARPNESS.model_copy(update={"by_word": by_word})))["sharpness"].numbers[
        "Sharp pictures by word"
    ]
    assert (row.title, row.value, row.beside) == ("cat", "50%", "25\N{EN DASH}75%, n = 6")


def test_heat_maps_by_name_are_plots_of_which_the_first_says_what_holds_for_all():
    maps = {name: HeatMap(rows=((1.0, 2.0),), note=f"Of {name}.") for name in ("cats", "dogs")}
    section = sections(with_sharpness(SHARPNESS.model_copy(update={"maps": maps})))["sharpness"]
    drawn = [plot for plot in section.plots if 'class="heat"' in plot.drawn]
    assert [(plot.title, plot.explanation) for plot in drawn] == [
        ("cats", "Edges in a place. Of cats."),
        ("dogs", "Of dogs."),
    ]
    assert list(section.numbers) == ["", "Edges", "Sharp pictures by colour"]


def test_picked_samples_are_shown_with_what_is_said_of_them(run):
    picked = (
        Picked(prompt_id=2, index=1, said="2 edges", is_right=False),
        Picked(prompt_id=99, index=0, is_right=True),
    )
    blurred = Pictures(prompts=(Picks(prompt="a <cat>", samples=picked, said="1 of 2 sharp"),))
    facts = gather([run.artifacts["evaluate"]])
    sharpness = SHARPNESS.model_copy(update={"blurred": blurred})
    more = NextEvaluation.model_validate(facts.evaluation.model_dump() | {"sharpness": sharpness})
    page = render(Config(), replace(facts, evaluation=more))
    shown = page[page.index("Most blurred") :].split("</section>")[0]
    assert (shown.count('"pic '), shown.count("pic none")) == (2, 1)  # there is no sample 99
    for told in ("2 edges", "a &lt;cat&gt;", "1 of 2 sharp", 'aria-label="wrong"', 'aria-label="right"'):
        assert told in shown
