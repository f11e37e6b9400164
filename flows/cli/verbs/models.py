"""The verbs that draw with trained models, measure them, and bring them into and out of a folder."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    command_of,
    read_config,
    run_command,
    settings_of,
)

if TYPE_CHECKING:
    from flows.cli.drawing.models import ChosenModels

MOST_CANDIDATES = 4096  # of a prompt; the paper draws 512

ModelFolder = Annotated[
    Path | None,
    typer.Option(help="Folder that `dalle export` wrote.  [default: data/gallery, if it is there and no run is named]"),
]
Count = Annotated[int, typer.Option("--n", min=1, max=MOST_CANDIDATES, help="Candidates to draw for each prompt.")]


def evaluate(
    model: ModelFolder = None,
    recipe: Annotated[
        str | None, typer.Option(help="What to measure with.  [default: the config of the run that made the models]")
    ] = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    no_prefect: NoPrefect = False,
    json_: Json = False,
) -> None:
    """Measure finished models on captions they have not seen: gather the data, draw, rank, evaluate, report."""
    import json

    environment.prepare()
    from flows.cli.drawing.evaluation import config_file, measured, measured_lines
    from flows.cli.drawing.models import finished_model
    from flows.cli.run import follow, report_page, summary
    from tasks.errors import ConfigError

    folder = model or finished_model()
    if folder is None:
        raise ConfigError("No models are named: name a folder that `dalle export` wrote with --model.")
    own = config_file(folder)  # first of all, since it compares the files with their digests
    pretrained = f"models.pretrained={folder.absolute()}"
    given = read_config(recipe, config if config or recipe else own, [*(set_ or []), pretrained])
    command = command_of(["evaluate", "--model", str(folder)], recipe, config, set_, root, work_dir)
    settings = settings_of(root=root, work_dir=work_dir, command=command)
    made, observer = follow(given.recipe, given.config, settings, json_, no_prefect)
    found = measured(made)
    if json_:
        typer.echo(json.dumps(summary(made, observer) | {"model": str(folder)} | found, indent=2, ensure_ascii=False))
        return
    typer.echo("\n" + "\n".join([*measured_lines(found), f"Report: {report_page(made)}"]))


def generate(
    prompts: Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="What to draw.")] = None,
    file: Annotated[
        Path | None, typer.Option("--prompts", help="More prompts: a text file of one a line, or a CSV with `prompt`.")
    ] = None,
    n: Count = 32,
    top: Annotated[int, typer.Option(min=1, help="How many of the best to keep apart.")] = 4,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pictures.  [default: generated/<prompt>-<hash>]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other pictures.")] = 0,
    image: Annotated[Path | None, typer.Option(help="A picture of which a part is kept; the rest is drawn.")] = None,
    keep_rows: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of its height kept, from the top.  [default: 15/32]"),
    ] = None,
    keep_columns: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of its width that is kept below, from the left.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="0 draws the likeliest codes.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw from the k likeliest codes only.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Or from those that reach this share.")] = None,
    model: ModelFolder = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    json_: Json = False,
) -> None:
    """Draw pictures for prompts with trained models, best first."""
    import json

    environment.prepare_to_draw()
    from flows.cli import console
    from flows.cli.drawing.generate import Wish, draw_files, remarks
    from flows.cli.drawing.prompts import prompt_rows
    from tasks.generate import Request
    from tasks.image_prompt import read_image_prompt, require_picture

    rows = prompt_rows(prompts or [], file)
    require_picture(image is not None, keep_rows, keep_columns)
    models = _models(model, recipe, config, set_, root, work_dir)
    kept = read_image_prompt(image, keep_rows, keep_columns) if image else None
    sampling = models.sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    request = Request((), n, seed, sampling, kept)
    try:
        with console.WaitingLine() as tell:
            drawn = draw_files(Wish(rows, request, top, out), models.source, tell)
    except KeyboardInterrupt:
        typer.echo("\nStopped. The candidates that are drawn are kept.", err=True)
        raise typer.Exit(130) from None
    if json_:
        typer.echo(json.dumps(drawn, indent=2, ensure_ascii=False))
        return
    different = {record["prompt"]: record for record in drawn.get("prompts", [drawn])}
    for record in different.values():
        for remark in remarks(record, "prompts" in drawn):
            typer.echo(remark)
        for picture in record["best"]:
            typer.echo(f"{picture['path']}  score {picture['score']:.3f}")
    for sheet in drawn.get("sheets", [drawn.get("sheet")]):
        typer.echo(f"On one sheet: {sheet}")


def export(
    out: Annotated[Path, typer.Option(help="New folder for the models.")] = Path("model"),
    fp16: Annotated[bool, typer.Option("--fp16", help="Store the weights in half the bytes.")] = False,
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    json_: Json = False,
) -> None:
    """Write the trained models as one folder that draws on any machine: `dalle generate --model FOLDER`."""
    import json

    environment.prepare_to_draw()
    from flows.cli import console
    from flows.cli.drawing.export import export_folder

    given = read_config(recipe, config, set_)
    settings = settings_of(root=root, work_dir=work_dir)
    command = run_command(recipe, config, set_, root, work_dir)
    with console.WaitingLine() as tell:
        made = export_folder(given.recipe, given.config, settings, command, out, fp16, tell)
    if json_:
        typer.echo(json.dumps(made, indent=2))
        return
    typer.echo(f"{made['folder']}  {made['files']} files, {made['bytes'] / 1e6:,.1f} MB")
    typer.echo(f"To draw: dalle generate {shlex.quote(made['prompt'])} --model {shlex.quote(made['folder'])}")


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page on 127.0.0.1.")] = 8765,
    model: ModelFolder = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
) -> None:
    """Serve a page on this machine that draws: a prompt, pictures as they come, a picture as prompt."""
    environment.prepare_to_draw()
    from flows.cli import console
    from flows.cli.drawing.serve import serve_page

    models = _models(model, recipe, config, set_, root, work_dir)
    with console.WaitingLine() as tell:
        serve_page(models.source, models.sampling(), models.prompts, port, tell)


def import_dvae(
    encoder: Annotated[Path, typer.Argument(help="encoder.pkl as published, or FLAVA's code book.")],
    decoder: Annotated[Path, typer.Argument(help="decoder.pkl as published.")],
    out: Annotated[Path, typer.Option(help="New folder for the model.")] = Path("released-dvae"),
    image_size: Annotated[int, typer.Option(min=8, help="Side of the images that it is to read, pixels.")] = 256,
) -> None:
    """Make a model folder of the released dVAE's files; nothing in them is run."""
    from models.dvae.pickles import import_released

    import_released(encoder, decoder, out, image_size)
    typer.echo(f"{out.absolute()}  (to use it: dalle run --set dvae.pretrained={out.absolute()})")


def _models(
    folder: Path | None,
    recipe: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    root: str | None,
    work_dir: str | None,
) -> "ChosenModels":
    """Those of an exported folder or of the config; if neither is named, of the repository's folder, if it is there."""
    from flows.cli.drawing.models import finished_model, models_of_folder, models_of_run
    from tasks.errors import ConfigError

    names_a_run = bool(recipe or file or assignments or root)
    if folder is None and not names_a_run and (folder := finished_model()):
        typer.echo(f"Drawing with the finished model in {folder} (others: --model, or --recipe for a run's).", err=True)
    if folder is not None:
        if names_a_run:
            raise ConfigError("--model names a folder of models, and --recipe, --config, --set and --root a run's.")
        return models_of_folder(folder)
    settings = settings_of(root=root, work_dir=work_dir)
    command = run_command(recipe, file, assignments, root, work_dir)
    return models_of_run(read_config(recipe, file, assignments).config, settings, command)
