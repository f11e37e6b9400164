"""`dalle <verb>`. One verb, one function; everything heavy is imported when a verb needs it."""

import typer

from flows.cli.errors import PlainGroup
from flows.cli.verbs.ablation import ablate
from flows.cli.verbs.compare import compare
from flows.cli.verbs.dataset import export_dataset
from flows.cli.verbs.machine import doctor, down, up
from flows.cli.verbs.models import evaluate, export, generate, import_dvae, serve
from flows.cli.verbs.pipeline import config, lineage, recipes, report, run, status
from flows.cli.verbs.planning import plan
from flows.cli.verbs.sources import compose, validate
from flows.cli.verbs.study import study
from flows.cli.verbs.takedown import takedown

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An open rebuild of the first DALL·E, from the crawl to the report. Any verb takes --debug for a traceback.",
)

# In the order of `dalle --help`.
for verb in (
    *(run, evaluate, compare, generate, export, serve),
    ablate,
    *(status, lineage, report),
    *(import_dvae, compose, export_dataset),
    *(recipes, config, plan, validate),
    takedown,
    *(doctor, up, down),
):
    app.command()(verb)
app.add_typer(study, name="study")
