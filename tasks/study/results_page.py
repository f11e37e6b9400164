"""The results of a study for people: a page by itself, drawn like the report of a run."""

from jinja2 import ChoiceLoader, PackageLoader

from tasks.report.measured import sections
from tasks.report.page import environment, style
from tasks.study.answers import QUICK_S
from tasks.study.figures import StudyResults, StudySection


def results_page(results: StudyResults) -> str:
    """One HTML document without a single outside request."""
    known = environment()
    known.loader = ChoiceLoader([PackageLoader("tasks.study", ""), PackageLoader("tasks.report", "")])
    return known.get_template("results.html.j2").render(
        style=style(),
        section=sections(StudySection(study=results.figures))["study"],
        results=results,
        quick=int(QUICK_S),
    )
