"""The verb that compares runs, and folders of another model's pictures."""

from typing import Annotated

import typer

from flows.cli import environment
from flows.cli.verbs.options import DaskAddress, DaskWorkers, Json, WorkDir, settings_of


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="Runs (a root such as runs, or an artifact such as runs/report/0123456789abcdef) and folders of "
            "pictures; A is compared with each other one.",
        ),
    ],
    work_dir: WorkDir = None,
    dask_workers: DaskWorkers = None,
    dask_address: DaskAddress = None,
    json_: Json = False,
) -> None:
    """Compare runs, or a run with another model's pictures, prompt by prompt: which is better, and can it be told."""
    import json
    from contextlib import nullcontext

    environment.prepare()
    from flows.cli.console import Live, Plain, Silent, is_terminal
    from flows.comparison import comparison
    from flows.run import DirectRun
    from tasks.compare.comparison import RunComparison
    from tasks.compare.config import require_sides
    from tasks.compare.sentences import lines
    from tasks.compare.sides import find_side, yardstick_of
    from tasks.compare.stage import COMPARISON, PAGE

    require_sides(sides)
    found = [find_side(name) for name in sides]
    observer = Silent() if json_ else Live() if is_terminal() else Plain()
    root = yardstick_of(found).root
    settings = settings_of(root=root, work_dir=work_dir, dask_workers=dask_workers, dask_address=dask_address)
    with observer if isinstance(observer, Live) else nullcontext():
        made = comparison(DirectRun(settings, [observer]), found)
    told = RunComparison.model_validate_json(made.read(COMPARISON))
    if json_:
        page = {"page": made.file(PAGE), "stages": observer.stages}
        typer.echo(json.dumps(told.model_dump(mode="json") | page, indent=2, ensure_ascii=False))
        return
    typer.echo("\n" + "\n".join([*lines(told), f"\nComparison: {made.file(PAGE)}"]))
