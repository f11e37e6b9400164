"""The verb that asks which mattered more, data or model."""

from typing import Annotated

import typer

from flows.cli import environment
from flows.cli.verbs.options import (
    ConfigFile,
    Json,
    NoPrefect,
    Root,
    Set,
    WorkDir,
    command_of,
    read_config,
    settings_of,
)

RECIPE = "ablation"


def ablate(
    data: Annotated[str, typer.Option(metavar="SHARES", help="Shares of the training images.")] = "0.25,0.5,1",
    model: Annotated[str, typer.Option(metavar="SIZES", help="Sizes of the prior, of xs, s, m, l, xl.")] = "s,m,l",
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Priors of each cell.")] = 2,
    plan: Annotated[
        bool, typer.Option("--plan", help="List the cells, what is made and the time left; run nothing.")
    ] = (False),
    recipe: Annotated[
        str | None, typer.Option(help="The config around which the grid is built: size m.  [default: ablation]")
    ] = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    no_prefect: NoPrefect = False,
    json_: Json = False,
) -> None:
    """Compare priors of less data and of other sizes, at equal tokens: which mattered more?"""
    import json

    environment.prepare()
    from flows.ablation.grid import grid_of

    named = recipe or (None if config else RECIPE)
    given = read_config(named, config, set_)
    grid = grid_of(data, model, seeds)
    own = ["--data", data, "--model", model, "--seeds", str(seeds)]
    command = command_of(["ablate", *own], recipe, config, set_, root, work_dir)
    settings = settings_of(root=root, work_dir=work_dir, command=command)
    if plan:
        from flows.cli.ablate import plan_lines, planned_grid

        listed = planned_grid(given.recipe, given.config, grid, settings)
        typer.echo(json.dumps(listed.row(), indent=2) if json_ else "\n".join(plan_lines(listed)))
        return
    from flows.cli.run import follow
    from flows.pages.ablation_page import ablation_lines
    from tasks.ablation.figures import PAGE, read_ablation

    compared, observer = follow(given.recipe, given.config, settings, json_, no_prefect, grid)
    found = read_ablation(compared)
    if json_:
        told = {
            "page": compared.file(PAGE),
            "stages": observer.stages,
            "ablation": found.model_dump(mode="json"),
        }
        typer.echo(json.dumps(told, indent=2))
        return
    made = sum(not stage["reused"] for stage in observer.stages)
    typer.echo("\n".join(ablation_lines(found)))
    typer.echo(f"\n{made} stages made, {len(observer.stages) - made} reused.\nPage: {compared.file(PAGE)}")
