"""`dalle <verb>`. One verb, one function; everything heavy is imported when a verb needs it."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import environment
from flows.cli.errors import PlainGroup

if TYPE_CHECKING:
    from flows.config import PipelineConfig
    from tasks.engine.artifact import Artifact
    from tasks.settings import Settings

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An open rebuild of the first DALL·E, from the crawl to the report. Any verb takes --debug for a traceback.",
)

Recipe = Annotated[str, typer.Option(help="A complete config by name; `dalle recipes` lists them.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one setting; can be repeated.")]
Root = Annotated[str | None, typer.Option(help="Folder or s3:// address of the artifacts.  [default: runs]")]
WorkDir = Annotated[str | None, typer.Option(help="Folder for unfinished training.  [default: .dalle/work]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def run(
    recipe: Recipe = "demo",
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    dask_workers: Annotated[int | None, typer.Option(help="Local Dask workers; 0 uses none.  [default: CPUs]")] = None,
    dask_address: Annotated[str | None, typer.Option(help="A running Dask scheduler to use instead.")] = None,
    processes: Annotated[int | None, typer.Option(help="Training processes, one for each GPU.  [default: 1]")] = None,
    no_prefect: Annotated[
        bool, typer.Option("--no-prefect", help="Run the stages in this process, no server.")
    ] = False,
    json_: Json = False,
) -> None:
    """Run the pipeline; what is finished already is reused."""
    import json

    environment.prepare()
    config, settings = _given(
        recipe,
        set_,
        root=root,
        work_dir=work_dir,
        dask_workers=dask_workers,
        dask_address=dask_address,
        processes_per_node=processes,
    )
    from flows.cli import console
    from flows.cli import run as running

    observer = console.Silent() if json_ else console.Live() if console.is_terminal() else console.Plain()
    with observer if isinstance(observer, console.Live) else nullcontext():
        report = running.execute(config, settings, observer, no_prefect)
    found = running.summary(report, observer)
    if json_:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo("\n" + "\n".join(running.closing_lines(found)))


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Candidates to draw.")] = 32,
    top: Annotated[int, typer.Option(min=1, help="How many of the best to keep.")] = 4,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures.  [default: generated/<prompt>]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other pictures.")] = 0,
    recipe: Recipe = "demo",
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    json_: Json = False,
) -> None:
    """Draw pictures for a prompt with the trained models, best first."""
    import json

    config, settings = _given(recipe, set_, root=root, work_dir=work_dir)
    from flows.cli.generate import draw

    drawn = draw(prompt, n, top, seed, config, settings, out)
    if json_:
        typer.echo(json.dumps(drawn, indent=2))
        return
    for picture in drawn["pictures"]:
        typer.echo(f"{picture['path']}  score {picture['score']:.3f}")
    typer.echo(f"All of them on one sheet: {drawn['sheet']}")


@app.command()
def status(
    recipe: Recipe = "demo",
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read every file again and compare digests.")] = False,
    json_: Json = False,
) -> None:
    """Show how far each stage is. Exit code 1 if a file is damaged."""
    import json

    from flows.cli.status import cells
    from flows.cli.status import status as status_of

    plan, settings = _plan(recipe, set_, root, work_dir)
    rows = list(status_of(plan, settings, verify))
    if json_:
        typer.echo(json.dumps([row.row() for row in rows], indent=2))
    else:
        header = ("stage", "fingerprint", "state", "in", "out", "rejected", "made (UTC)", "took", "")
        _print_table(header, [cells(row) for row in rows], numbers=(3, 4, 5))
    damaged = [row for row in rows if row.state == "damaged"]
    for row in damaged:
        typer.echo(f"{row.note}: delete {settings.root}/{row.stage}/{row.fingerprint} and run again.", err=True)
    if damaged:
        raise typer.Exit(1)


@app.command()
def lineage(
    artifact: Annotated[str | None, typer.Argument(help="A stage, or an address stage/fingerprint.")] = None,
    recipe: Recipe = "demo",
    set_: Set = None,
    root: Root = None,
    json_: Json = False,
) -> None:
    """Show what an artifact was made from, back to the crawl; by default the report."""
    import json

    from flows.cli.lineage import chosen, lines, tree

    plan, _ = _plan(recipe, set_, root, None)
    node = tree(chosen(plan, plan[0].root, artifact))
    typer.echo(json.dumps(node, indent=2) if json_ else "\n".join(lines(node)))


@app.command()
def report(
    recipe: Recipe = "demo",
    set_: Set = None,
    root: Root = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print where the report is."""
    from flows.cli.lineage import chosen
    from flows.cli.run import report_page

    plan, _ = _plan(recipe, set_, root, None)
    page = report_page(chosen(plan, plan[0].root, None))
    typer.echo(page)
    if open_:
        typer.launch(page)


@app.command()
def recipes(json_: Json = False) -> None:
    """List the recipes: what each costs, how long it takes, what to expect."""
    import json

    from flows.recipes import descriptions

    if json_:
        typer.echo(json.dumps(descriptions(), indent=2))
        return
    for name, text in descriptions().items():
        typer.echo(name + "\n" + "\n".join(f"    {line}".rstrip() for line in text.splitlines()) + "\n")


@app.command()
def doctor(
    root: Root = None,
    work_dir: WorkDir = None,
    port: Annotated[int, typer.Option(help="Port meant for `dalle up`.")] = 4200,
    json_: Json = False,
) -> None:
    """Check this machine; each problem comes with its remedy. Exit code 1 if there is one."""
    import json
    from dataclasses import asdict

    from flows.cli.doctor import examine

    environment.use_running_server()
    findings = []
    for finding in examine(_settings(root=root, work_dir=work_dir), port):
        findings.append(finding)
        if not json_:
            typer.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.check:<12} {finding.text}")
    if json_:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the server and its UI.")] = 4200,
    file: Annotated[Path | None, typer.Option(help="Deployments.  [default: infra/prefect.yaml]")] = None,
) -> None:
    """Start a Prefect server with its UI, a worker, and the deployments with their schedules."""
    from flows.cli import services

    server = services.up(port, *([file.absolute()] if file else []))
    typer.echo(f"Prefect is up: {server.ui}  (`dalle run` now shows there; `dalle down` ends it)")


@app.command()
def down() -> None:
    """End what `dalle up` started."""
    from flows.cli import services

    ended = services.down()
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing of `dalle up` is running.")


def _given(recipe: str, assignments: Sequence[str] | None, **options: Any) -> "tuple[PipelineConfig, Settings]":
    from flows.overrides import overridden
    from flows.recipes import recipe as recipe_by_name

    return overridden(recipe_by_name(recipe), assignments or []), _settings(**options)


def _settings(**options: Any) -> "Settings":
    from tasks.settings import Settings

    return Settings(**{name: value for name, value in options.items() if value is not None})


def _plan(
    recipe: str, assignments: Sequence[str] | None, root: str | None, work_dir: str | None
) -> "tuple[list[Artifact], Settings]":
    from flows.plan import plan

    config, settings = _given(recipe, assignments, root=root, work_dir=work_dir)
    return plan(config, settings), settings


def _print_table(header: tuple[str, ...], rows: list[tuple[str, ...]], numbers: tuple[int, ...]) -> None:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        padded = [c.rjust(w) if i in numbers else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        typer.echo("  ".join(padded).rstrip())
