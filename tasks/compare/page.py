"""The comparison for people: one page, drawn like the report of a run."""

from collections.abc import Mapping, Sequence
from functools import partial

from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup

from tasks.compare import sentences
from tasks.compare.beside import BesideRow
from tasks.compare.comparison import PairCompared, RunComparison
from tasks.compare.gallery import ShownPrompt
from tasks.evaluate.quantities import SHARE, Baseline, Estimate
from tasks.report import charts, words
from tasks.report.page import environment, style
from tasks.report.pictures import whole_picture

PICTURE_PX = 128


def comparison_page(found: RunComparison, rows: Sequence[BesideRow], shown: Sequence[ShownPrompt]) -> str:
    """One HTML document without a single outside request."""
    known = environment()
    known.globals["shown_picture"] = partial(whole_picture, side=PICTURE_PX)
    known.loader = ChoiceLoader([PackageLoader("tasks.compare", ""), PackageLoader("tasks.report", "")])
    for name in ("subject", "signed", "remark", "left_out"):
        known.filters[name] = getattr(sentences, name)
    known.filters["share_or_number"] = lambda value, unit: words.quantity(value, unit if unit == SHARE else "")
    return known.get_template("comparison.html.j2").render(
        style=style(),
        found=found,
        sentences=sentences,
        plots={pair.second: _plots(pair) for pair in found.pairs},
        rows=rows,
        shown=shown,
    )


def _plots(pair: PairCompared) -> Mapping[str, Markup]:
    """By unit, how far the first side is ahead in each figure, where there is more than one."""
    by_unit: dict[str, dict[str, Estimate]] = {}
    for figure in pair.figures:
        bare = figure.ahead.model_copy(update={"unit": ""})  # the heading names the unit
        by_unit.setdefault(figure.ahead.unit, {})[sentences.label(figure)] = bare
    name = f"ahead-{pair.first}-{pair.second}"
    return {
        unit: charts.whiskers(f"{name}-{number}", unit, estimates, {"no difference": Baseline(value=0.0)})
        for number, (unit, estimates) in enumerate(by_unit.items())
        if len(estimates) > 1
    }
