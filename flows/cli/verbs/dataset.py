"""The verb that writes packed pairs as a data set for others."""

import shlex
from typing import Annotated

import typer

from flows.cli import environment
from flows.cli.verbs.options import ConfigFile, Json, Recipe, Root, Set, WorkDir, read_config, run_command, settings_of


def export_dataset(
    out: Annotated[str, typer.Argument(metavar="OUT", help="New folder, here or at an s3:// address.")],
    format_: Annotated[
        str,
        typer.Option("--format", help="parquet, which `datasets` opens; or webdataset, tars as img2dataset writes."),
    ] = "parquet",
    creator: Annotated[str, typer.Option(help="Who made the data set, for its card.")] = "not stated",
    recipe: Recipe = None,
    config: ConfigFile = None,
    set_: Set = None,
    root: Root = None,
    work_dir: WorkDir = None,
    json_: Json = False,
) -> None:
    """Write the packed pairs as a data set with a card: Parquet for `datasets`, or webdataset's tars."""
    import json

    environment.prepare()
    from flows.cli import console
    from flows.plan import packed
    from flows.wording import how_far
    from tasks.errors import ConfigError
    from tasks.export.folder import export_pairs
    from tasks.export.shards import ExportFormat
    from tasks.report import words

    if format_ not in list(ExportFormat):
        raise ConfigError(f"--format {format_} is none of {', '.join(ExportFormat)}.")
    settings = settings_of(root=root, work_dir=work_dir)
    command = run_command(recipe, config, set_, root, work_dir)
    pairs = packed(read_config(recipe, config, set_).config, settings, command)
    with console.WaitingLine() as tell:
        tell("Writing the shards")
        facts = export_pairs(
            pairs, out, ExportFormat(format_), creator, settings, lambda done: tell.progress(how_far(done, 0, 0.0))
        )
    if json_:
        found = {"folder": out, "format": format_, "pairs": facts.pairs, "files": len(facts.shards) + 2}
        typer.echo(json.dumps(found | {"bytes": facts.bytes, "made_from": facts.made_from}, indent=2))
        return
    counts = ", ".join(f"{words.count(rows)} {split}" for split, rows in facts.pairs.items())
    typer.echo(f"{out}  {len(facts.shards)} shards, {counts} pairs, {words.size(facts.bytes)}")
    kind = "huggingface" if format_ == ExportFormat.PARQUET else format_
    source = shlex.quote(f"source={json.dumps([{'kind': kind, 'path': out}])}")
    typer.echo(f"To train on it elsewhere: dalle run --set {source}")
