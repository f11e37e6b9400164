"""The verb that takes pictures down: it records what is to be left out, and tells where that lies."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.verbs.options import Json, Root, settings_of

if TYPE_CHECKING:
    from tasks.takedown.holdings import MadeHit, TableHit
    from tasks.takedown.record import RecordedTakedown
    from tasks.takedown.takedowns import Takedown

TELL_EVERY_S = 2.0
ROWS_SHOWN = 5


def takedown(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Addresses of images or pages, SHA-256 digests of images, or domains."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Show the record, and take nothing down.")] = False,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="A folder that `dalle export` wrote, to be checked too; can be repeated."),
    ] = None,
    root: Root = None,
    json_: Json = False,
) -> None:
    """Leave pictures out of all later runs, and list what holds them: shards, tokens, models."""
    import json

    settings = settings_of(root=root)
    if list_:
        _show_record(settings.root, json_)
        return
    from flows.cli.console import WaitingLine
    from models.folder import read_manifest
    from tasks.errors import ConfigError
    from tasks.preflight import require_root
    from tasks.takedown.descent import commands, made_hits
    from tasks.takedown.holdings import table_hits
    from tasks.takedown.record import add_to_record
    from tasks.takedown.stored import stored_artifacts
    from tasks.takedown.takedowns import EXPECTED, takedown_of

    if not what:
        raise ConfigError(f"Nothing is named to be taken down: {EXPECTED}; --list shows what has been.")
    named = [takedown_of(each) for each in what]
    folders = {str(folder): read_manifest(folder) for folder in model or []}
    require_root(settings.root)
    added = add_to_record(settings.root, named, reason)  # first, so that it holds whatever the listing meets
    with WaitingLine(TELL_EVERY_S) as tell:
        known = {stored.address: stored for stored in stored_artifacts(settings.root)}
        tables = table_hits(named, known, tell.progress)
        tell.progress("looking for what was made from it")
        made = list(made_hits(tables, known, folders))
    plain = shlex.join(["dalle", "run", *(["--root", root] if root else [])])
    rebuild = (commands(made, known) or [plain]) if tables or made else []
    if json_:
        typer.echo(json.dumps(_told(named, added, tables, made, rebuild), indent=2))
        return
    for line in _lines(tables, made):
        typer.echo(line)
    typer.echo(_sentence(named, added, settings.root, rebuild))


def _show_record(root: str, json_: bool) -> None:
    import json

    from tasks.takedown.record import read_record, record_uri

    recorded = read_record(root)
    if json_:
        typer.echo(json.dumps([each.model_dump() for each in recorded], indent=2))
        return
    for each in recorded:
        typer.echo(f"{each.when}  {each}" + (f"  ({each.reason})" if each.reason else ""))
    if not recorded:
        typer.echo(f"Nothing has been taken down: there is no record in {record_uri(root)}.")


def _told(
    named: "Sequence[Takedown]",
    added: "Sequence[RecordedTakedown]",
    tables: "Sequence[TableHit]",
    made: "Sequence[MadeHit]",
    rebuild: Sequence[str],
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "named": [each.model_dump() for each in named],
        "recorded": [each.model_dump() for each in added],
        "tables": [asdict(each) for each in tables],
        "made": [asdict(each) for each in made],
        "rebuild": list(rebuild),
    }


def _lines(tables: "Sequence[TableHit]", made: "Sequence[MadeHit]") -> list[str]:
    """One for each table and each artifact or folder, in columns."""
    width = max(map(len, [*(each.artifact for each in tables), *(each.artifact for each in made)]), default=0)
    files = max((len(each.file) for each in tables), default=0)
    found = [f"{each.artifact:<{width}}  {each.file:<{files}}  {_rows(each)}" for each in tables]
    return [*found, *(f"{each.artifact:<{width}}  {each.how}" for each in made)] or ["Nothing that is stored holds it."]


def _rows(hit: "TableHit") -> str:
    shown = ", ".join(map(str, hit.rows[:ROWS_SHOWN])) + (", …" if len(hit.rows) > ROWS_SHOWN else "")
    count = f"{len(hit.rows):,} row{'s' if len(hit.rows) > 1 else ''} ({shown})"
    return count if hit.finished else f"{count} of an unfinished artifact"


def _sentence(
    named: "Sequence[Takedown]", added: "Sequence[RecordedTakedown]", root: str, rebuild: Sequence[str]
) -> str:
    from tasks.takedown.record import record_uri

    which = ", ".join(dict.fromkeys(map(str, named)))
    anew = " and ".join(f"`{command}`" for command in rebuild)
    return f"Recorded {'' if added else 'before '}in {record_uri(root)}: {which}; no later run packs it, and " + (
        f"{anew} makes pairs and models without it." if rebuild else "nothing that is stored has to be made anew."
    )
