"""The verbs about sources of pictures: what is wrong with one, and the demo's as a folder."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.verbs.options import Json, WorkDir, read_config, settings_of


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
    for each in validated(config, settings_of(work_dir=work_dir)):
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

    source = read_config(DEFAULT_RECIPE, None, [f"source.compositions.{each}" for each in set_ or []]).config.source
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
