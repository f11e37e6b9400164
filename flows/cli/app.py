"""`dalle <verb>`. One verb, one function; everything heavy is imported when a verb needs it."""

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import environment
from flows.cli.errors import PlainGroup

if TYPE_CHECKING:
    from flows.cli.console import Silent
    from flows.cli.drawing.models import ChosenModels
    from flows.config import PipelineConfig
    from flows.recipes import RecipeName
    from tasks.engine.artifact import Artifact
    from tasks.settings import Settings

MOST_CANDIDATES = 4096  # of a prompt; the paper draws 512

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An open rebuild of the first DALL·E, from the crawl to the report. Any verb takes --debug for a traceback.",
)

Recipe = Annotated[
    str | None, typer.Option(help="A complete config by name; `dalle recipes` lists them.  [default: demo]")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file of what differs from the recipe, or the output of `dalle config`."),
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one setting; can be repeated.")]
Root = Annotated[str | None, typer.Option(help="Folder or s3:// address of the artifacts.  [default: runs]")]
WorkDir = Annotated[str | None, typer.Option(help="Folder for unfinished training.  [default: .dalle/work]")]
ModelFolder = Annotated[
    Path | None,
    typer.Option(help="Folder that `dalle export` wrote.  [default: data/gallery, if it is there and no run is named]"),
]
Count = Annotated[int, typer.Option("--n", min=1, max=MOST_CANDIDATES, help="Candidates to draw for each prompt.")]
NoPrefect = Annotated[bool, typer.Option("--no-prefect", help="Run the stages in this process, no server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def run(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    dask_workers: Annotated[int | None, typer.Option(help="Local Dask workers; 0 uses none.  [default: CPUs]")] = None,
    dask_address: Annotated[str | None, typer.Option(help="A running Dask scheduler to use instead.")] = None,
    processes: Annotated[int | None, typer.Option(help="Training processes, one for each GPU.  [default: 1]")] = None,
    loader_workers: Annotated[
        int | None, typer.Option(help="Processes per trainer that decode images.  [default: as suits CPU or GPU]")
    ] = None,
    no_prefect: NoPrefect = False,
    json_: Json = False,
) -> None:
    """Run the pipeline; what is finished already is reused."""
    import json

    environment.prepare()
    given = _given(recipe, config, set_)
    settings = _settings(
        root=root,
        work_dir=work_dir,
        dask_workers=dask_workers,
        dask_address=dask_address,
        processes_per_node=processes,
        loader_workers=loader_workers,
        command=_run_command(given.recipe, config, set_, root, work_dir),
    )
    from flows.cli.run import closing_lines, summary

    found = summary(*_follow(given, settings, json_, no_prefect))
    if json_:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo("\n" + "\n".join(closing_lines(found)))


@app.command()
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
    from flows.cli.drawing.evaluation import config_file, measured, measured_lines, other_pairs
    from flows.cli.drawing.models import finished_model
    from flows.cli.run import report_page, summary
    from tasks.errors import ConfigError

    folder = model or finished_model()
    if folder is None:
        raise ConfigError("No models are named: name a folder that `dalle export` wrote with --model.")
    own = config_file(folder)  # first of all, since it compares the files with their digests
    pretrained = f"models.pretrained={folder.absolute()}"
    given = _given(recipe, config if config or recipe else own, [*(set_ or []), pretrained])
    command = _command(["evaluate", "--model", str(folder)], recipe, config, set_, root, work_dir)
    settings = _settings(root=root, work_dir=work_dir, command=command)
    if told := other_pairs(folder, given.config, settings):
        typer.echo(told, err=True)
    made, observer = _follow(given, settings, json_, no_prefect)
    found = measured(made)
    if json_:
        typer.echo(json.dumps(summary(made, observer) | {"model": str(folder)} | found, indent=2, ensure_ascii=False))
        return
    typer.echo("\n" + "\n".join([*measured_lines(found), f"Report: {report_page(made)}"]))


@app.command()
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
    from flows.cli.drawing.picture import read_image_prompt, require_picture
    from flows.cli.drawing.prompts import prompt_rows
    from tasks.generate import Request

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


@app.command()
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

    given = _given(recipe, config, set_)
    settings = _settings(root=root, work_dir=work_dir)
    command = _run_command(recipe, config, set_, root, work_dir)
    with console.WaitingLine() as tell:
        made = export_folder(given.recipe, given.config, settings, command, out, fp16, tell)
    if json_:
        typer.echo(json.dumps(made, indent=2))
        return
    typer.echo(f"{made['folder']}  {made['files']} files, {made['bytes'] / 1e6:,.1f} MB")
    typer.echo(f"To draw: dalle generate {shlex.quote(made['prompt'])} --model {shlex.quote(made['folder'])}")


@app.command()
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


@app.command()
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

    settings = _settings(root=root, work_dir=work_dir)
    rows = list(status_of(_plan(recipe, config, set_, settings), settings, verify))
    if json_:
        typer.echo(json.dumps([row.row() for row in rows], indent=2))
    else:
        show(table(rows))
    damaged = [row for row in rows if row.state == "damaged"]
    for row in damaged:
        typer.echo(f"{row.note}: delete {settings.root}/{row.stage}/{row.fingerprint} and run again.", err=True)
    if damaged:
        raise typer.Exit(1)


@app.command()
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

    plan = _plan(recipe, config, set_, _settings(root=root))
    node = tree(chosen(plan, plan[0].root, artifact, _run_command(recipe, config, set_, root)))
    if json_:
        typer.echo(json.dumps(node, indent=2))
    else:
        show(drawing(node))


@app.command()
def report(
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print where the report is."""
    from flows.cli.lineage import chosen
    from flows.cli.run import report_page

    plan = _plan(recipe, config, set_, _settings(root=root))
    page = report_page(chosen(plan, plan[0].root, None, _run_command(recipe, config, set_, root)))
    typer.echo(page)
    if open_:
        typer.launch(page)


@app.command()
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


@app.command()
def compose(
    folder: Annotated[Path, typer.Argument(help="New folder for the pictures and their captions.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a=b", help="Change one part of source.compositions."),
    ] = None,
) -> None:
    """Write a corpus like the demo's as a folder: other things, colours and pairs by another seed."""
    from flows.cli.console import WaitingLine
    from flows.recipes import DEFAULT_RECIPE
    from tasks.compositions.corpus import Corpus
    from tasks.compositions.folder import write_folder

    source = _given(DEFAULT_RECIPE, None, [f"source.compositions.{each}" for each in set_ or []]).config.source
    source.require()
    with WaitingLine() as tell:
        tell("drawing the pictures")
        corpus = Corpus(source.compositions, source.archive_path)
        write_folder(corpus, folder)
    held_out = sum(composition.split == "validation" for composition in corpus.compositions)
    captions = sum(len(composition.captions) for composition in corpus.compositions)
    typer.echo(
        f"{folder.absolute()}  {len(corpus.compositions):,} pictures, {held_out:,} held out; {captions:,} captions"
    )
    typer.echo(f"To train on it: dalle run --set source={shlex.quote(str(folder.absolute()))}")


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

    given = _given(recipe, config, set_)
    values = differences(recipe_config(given.recipe), given.config) if changes else given.config.model_dump(mode="json")
    text = json.dumps({RECIPE: given.recipe} | values, indent=2) if json_ else file_text(given.recipe, values)
    typer.echo(text.rstrip())


@app.command()
def validate(
    source: Annotated[
        str,
        typer.Argument(help="A folder, an address, or sources as in --set 'source=[…]'."),
    ],
    work_dir: WorkDir = None,
    json_: Json = False,
) -> None:
    """Say in a line each what is wrong with a source of pictures. Exit code 1 if it cannot be used."""
    import json
    from dataclasses import asdict

    from flows.changes import assigned
    from flows.config import PipelineConfig
    from tasks.crawl.validation import validated

    config = assigned(PipelineConfig(), [f"source={source}"]).source
    found = []
    for each in validated(config, _settings(work_dir=work_dir)):
        found.append(each)
        if json_:
            continue
        typer.echo(each.error or f"{each.part}: {each.rows:,} rows, {each.pairs:,} of them pairs")
        for fault in each.faults:
            typer.echo(f"{fault.rows:>10,} {fault.reason:<18} such as {fault.example}")
    if json_:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    if any(each.error for each in found) or not any(each.pairs for each in found):
        raise typer.Exit(1)


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
    password_file: Annotated[
        Path | None, typer.Option(help="File with user:password, which the server then asks for.")
    ] = None,
) -> None:
    """Start a Prefect server with its UI, a worker, and the deployments with their schedules."""
    from flows.cli import console, services

    with console.WaitingLine() as tell:
        server = services.up(port, file.absolute() if file else services.DEPLOYMENTS, password_file, tell)
    typer.echo(f"Prefect is up: {server.ui}  (`dalle run` now shows there; `dalle down` ends it)")


@app.command()
def down() -> None:
    """End what `dalle up` started."""
    from flows.cli import services

    ended = services.down()
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing of `dalle up` is running.")


@dataclass(frozen=True)
class Given:
    """The config a person asked for, and the recipe it started from."""

    recipe: "RecipeName"
    config: "PipelineConfig"


def _given(recipe: str | None, file: Path | None, assignments: Sequence[str] | None) -> Given:
    """The recipe, changed by the file, changed by the assignments."""
    from flows.changes import assigned, changed, read_file
    from flows.recipes import DEFAULT_RECIPE, recipe_config, recipe_name

    named, changes = read_file(file) if file else (None, {})
    name = recipe_name(recipe or named or DEFAULT_RECIPE)
    return Given(name, assigned(changed(recipe_config(name), changes), assignments or []))


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
    settings = _settings(root=root, work_dir=work_dir)
    command = _run_command(recipe, file, assignments, root, work_dir)
    return models_of_run(_given(recipe, file, assignments).config, settings, command)


def _follow(given: Given, settings: "Settings", json_: bool, no_prefect: bool) -> "tuple[Artifact, Silent]":
    """Runs the pipeline and tells of it; the report, and what was seen of the stages."""
    from flows.cli import console
    from flows.cli.run import execute

    observer = console.Silent() if json_ else console.Live() if console.is_terminal() else console.Plain()
    with observer if isinstance(observer, console.Live) else nullcontext():
        return execute(given.recipe, given.config, settings, observer, no_prefect), observer


def _run_command(
    recipe: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    root: str | None,
    work_dir: str | None = None,
) -> str:
    """The `dalle run` that makes what these options name."""
    return _command(["run"], recipe, file, assignments, root, work_dir)


def _command(
    verb: Sequence[str],
    recipe: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    root: str | None,
    work_dir: str | None,
) -> str:
    import re

    given = [("--recipe", recipe), ("--config", file), *(("--set", each) for each in assignments or [])]
    given += [("--root", root), ("--work-dir", work_dir)]
    words = [str(word) for pair in given if pair[1] is not None for word in pair]
    # Passwords in addresses are not printed or stored.
    return re.sub(r"://[^/@\s]*@", "://…@", shlex.join(["dalle", *verb, *words]))


def _settings(**options: Any) -> "Settings":
    from tasks.preflight import require_known_scheme
    from tasks.settings import Settings

    settings = Settings(**{name: value for name, value in options.items() if value is not None})
    require_known_scheme(settings.root)
    return settings


def _plan(
    recipe: str | None, file: Path | None, assignments: Sequence[str] | None, settings: "Settings"
) -> "list[Artifact]":
    from flows.plan import plan

    return plan(_given(recipe, file, assignments).config, settings)
