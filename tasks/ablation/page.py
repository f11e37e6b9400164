"""The page of an ablation, drawn like the report of a run."""

from jinja2 import ChoiceLoader, PackageLoader

from tasks.ablation.figures import Ablation
from tasks.ablation.tables import table_rows, writer
from tasks.report import words
from tasks.report.measured import sections
from tasks.report.page import environment, style


def ablation_page(found: Ablation, command: str | None) -> str:
    """One HTML document without a single outside request."""
    known = environment()
    known.loader = ChoiceLoader([PackageLoader("tasks.ablation", ""), PackageLoader("tasks.report", "")])
    known.filters["number"] = words.number
    known.globals["zip"] = zip
    return known.get_template("page.html.j2").render(
        style=style(),
        found=found,
        sections=sections(found.figures),
        rows={name: table_rows(found, name) for name in found.tables},
        written={name: writer(name) for name in found.tables},
        command=command,
    )
