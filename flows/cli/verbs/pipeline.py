"""The verbs of the pipeline: run it, look at what it made, and at the configs it can have."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import environment
from flows.cli.verbs.options import (
    ConfigFile,
    Json,
    NoPrefect,
    Recipe,
    Root,
    Set,
    WorkDir,
    launcher_of,
    planned,
    read_config,
    run_command,
    settings_of,
)


def run(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    dask_workers: Annotated[int | None, typer.Option(help="Local Dask workers; 0 uses none.  [default: CPUs]")] = None,
    dask_address: Annotated[str | None, typer.Option(help="A running Dask scheduler to use instead.")] = None,
    processes: Annotated[
        int | None, typer.Option(help="Training processes on a machine, one for each GPU.  [default: 1]")
    ] = None,
    sharding: Annotated[
        str | None, typer.Option(help="What such a process holds of the prior: ddp, fsdp or hsdp.  [default: ddp, all]")
    ] = None,
    launcher: Annotated[
        Path | None, typer.Option(help="YAML file of where trainings run, as infra/slurm.yaml.  [default: here]")
    ] = None,
    loader_workers: Annotated[
        int | None, typer.Option(help="Processes per trainer that decode images.  [default: as suits CPU or GPU]")
    ] = None,
    above_gpu_hours: Annotated[
        float | None,
        typer.Option(
            "--approve-above-gpu-hours",
            min=0,
            envvar="DALLE_APPROVE_ABOVE_GPU_HOURS",
            help="Ask before trainings that are planned to take longer, all GPUs together.",
        ),
    ] = None,
    above_money: Annotated[
        float | None,
        typer.Option(
            "--approve-above-money",
            min=0,
            envvar="DALLE_APPROVE_ABOVE_MONEY",
            help="Ask before trainings that are planned to cost more, at --price.",
        ),
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(help="Preset that is planned with.  [default: this machine's]")
    ] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Of one GPU and hour.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Begin trainings whatever they cost.")] = False,
    no_prefect: NoPrefect = False,
    json_: Json = False,
) -> None:
    """Run the pipeline; what is finished already is reused."""
    import json

    from tasks.settings import Approval

    environment.prepare()
    given = read_config(recipe, config, set_)
    settings = settings_of(
        root=root,
        work_dir=work_dir,
        dask_workers=dask_workers,
        dask_address=dask_address,
        launcher=launcher_of(launcher, processes),
        sharding=sharding,
        loader_workers=loader_workers,
        approval=Approval(
            above_gpu_hours=None if approve else above_gpu_hours,
            above_money=None if approve else above_money,
            hardware=hardware,
            price_per_hour=price,
        ),
        command=run_command(given.recipe, config, set_, root, work_dir),
    )
    from flows.cli.run import closing_lines, follow, summary

    found = summary(*follow(given.recipe, given.config, settings, json_, no_prefect))
    if json_:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo("\n" + "\n".join(closing_lines(found)))


def status(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read every file again and compare digests.")] = False,
    json_: Json = False,
) -> None:
    """Show how far each stage is. Exit code 1 if a file is damaged."""
    import json

    from flows.cli.console import show
    from flows.cli.status import status as status_of
    from flows.cli.status import table

    settings = settings_of(root=root, work_dir=work_dir)
    rows = list(status_of(planned(recipe, config, set_, settings), settings, verify))
    if json_:
        typer.echo(json.dumps([row.row() for row in rows], indent=2))
    else:
        show(table(rows))
    damaged = [row for row in rows if row.state == "damaged"]
    for row in damaged:
        typer.echo(f"{row.note}: delete {settings.root}/{row.stage}/{row.fingerprint} and run again.", err=True)
    if damaged:
        raise typer.Exit(1)


def lineage(
    artifact: Annotated[str | None, typer.Argument(help="A stage, or an address stage/fingerprint.")] = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    json_: Json = False,
) -> None:
    """Show what an artifact was made from, back to the crawl; by default the report."""
    import json

    from flows.cli.console import show
    from flows.cli.lineage import chosen, drawing, tree

    plan = planned(recipe, config, set_, settings_of(root=root))
    node = tree(chosen(plan, plan[0].root, artifact, run_command(recipe, config, set_, root)))
    if json_:
        typer.echo(json.dumps(node, indent=2))
    else:
        show(drawing(node))


def report(
    figure: Annotated[
        str | None, typer.Argument(help="Its path in report.json, such as evaluation.hits: printed as JSON.")
    ] = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print where the report is, or a figure of it."""
    import json

    from flows.cli.lineage import chosen
    from flows.cli.run import report_page
    from tasks.report.figures import read_figure

    plan = planned(recipe, config, set_, settings_of(root=root, work_dir=work_dir))
    made = chosen(plan, plan[0].root, None, run_command(recipe, config, set_, root, work_dir))
    if figure is not None:
        typer.echo(json.dumps(read_figure(made, figure), indent=2, ensure_ascii=False))
        return
    typer.echo(report_page(made))
    if open_:
        typer.launch(report_page(made))


def recipes(json_: Json = False) -> None:
    """List the recipes: what each costs, how long it takes, what to expect."""
    import json

    from flows.recipes import descriptions

    if json_:
        typer.echo(json.dumps(descriptions(), indent=2))
        return
    for name, text in descriptions().items():
        typer.echo(name + "\n" + "\n".join(f"    {line}".rstrip() for line in text.splitlines()) + "\n")


def config(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    changes: Annotated[bool, typer.Option("--changes", help="Print only what differs from the recipe.")] = False,
    json_: Json = False,
) -> None:
    """Print the config that would run, as YAML that `--config` reads."""
    import json

    from flows.changes import RECIPE, differences, file_text
    from flows.recipes import recipe_config

    given = read_config(recipe, config, set_)
    values = differences(recipe_config(given.recipe), given.config) if changes else given.config.model_dump(mode="json")
    text = json.dumps({RECIPE: given.recipe} | values, indent=2) if json_ else file_text(given.recipe, values)
    typer.echo(text.rstrip())
