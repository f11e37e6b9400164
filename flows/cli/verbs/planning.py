"""The verb that plans a config's trainings before they are paid for."""

from typing import Annotated

import typer

from flows.cli.verbs.options import ConfigFile, Json, Recipe, Set, read_config

OWN = "  [default: the recipe's]"


def plan(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    hardware: Annotated[str | None, typer.Option(help="One of the presets; a wrong name lists them." + OWN)] = None,
    machines: Annotated[int | None, typer.Option(min=1, help="How many." + OWN)] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="GPUs, or processes, of a machine." + OWN)] = None,
    mode: Annotated[str | None, typer.Option(help="single, ddp, fsdp or hsdp." + OWN)] = None,
    rank: Annotated[int | None, typer.Option(min=0, help="PowerSGD's, between machines; 0: none." + OWN)] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="Pairs of the data set, for the disk." + OWN)] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Of one GPU and hour; without it no money.")] = None,
    utilisation: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the peak that is reached.  [default: the preset's]")
    ] = None,
    json_: Json = False,
) -> None:
    """Plan the trainings of a config: parameters, memory, operations, transfers, disk, hours and money."""
    from flows.cost import hardware_named, planned_cost
    from flows.pages.cost_table import lines
    from flows.recipes.scales import SCALES, spread

    given = read_config(recipe, config, set_)
    scale = spread(SCALES[given.recipe], machines, gpus, mode, rank)
    changes = {"hardware": hardware, "pairs": pairs}
    scale = scale.model_copy(update={name: value for name, value in changes.items() if value is not None})
    cost = planned_cost(given.config, scale, hardware_named(scale.hardware, price, utilisation))
    typer.echo(cost.model_dump_json(indent=2) if json_ else "\n".join(lines(given.recipe, cost)))
