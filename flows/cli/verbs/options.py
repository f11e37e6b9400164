"""The options that several verbs have, and what they name: a config, settings, a plan, a command."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.config import PipelineConfig
    from flows.recipes import RecipeName
    from tasks.engine.artifact import Artifact
    from tasks.settings import Settings

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
DaskWorkers = Annotated[
    int | None, typer.Option("--dask-workers", help="Local Dask workers; 0 uses none.  [default: CPUs]")
]
DaskAddress = Annotated[str | None, typer.Option("--dask-address", help="A running Dask scheduler to use instead.")]
NoPrefect = Annotated[bool, typer.Option("--no-prefect", help="Run the stages in this process, no server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@dataclass(frozen=True)
class Given:
    """The config a person asked for, and the recipe it started from."""

    recipe: "RecipeName"
    config: "PipelineConfig"


def read_config(recipe: str | None, file: Path | None, assignments: Sequence[str] | None) -> Given:
    """The recipe, changed by the file, changed by the assignments."""
    from flows.changes import assigned, changed, read_file
    from flows.recipes import DEFAULT_RECIPE, recipe_config, recipe_name

    named, changes = read_file(file) if file else (None, {})
    name = recipe_name(recipe or named or DEFAULT_RECIPE)
    return Given(name, assigned(changed(recipe_config(name), changes), assignments or []))


def run_command(
    recipe: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    root: str | None,
    work_dir: str | None = None,
) -> str:
    """The `dalle run` that makes what these options name."""
    return command_of(["run"], recipe, file, assignments, root, work_dir)


def command_of(
    verb: Sequence[str],
    recipe: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    root: str | None,
    work_dir: str | None,
) -> str:
    """The command line of a verb with these options, without the passwords in addresses."""
    from flows.wording import without_passwords

    given = [("--recipe", recipe), ("--config", file), *(("--set", each) for each in assignments or [])]
    given += [("--root", root), ("--work-dir", work_dir)]
    words = [str(word) for pair in given if pair[1] is not None for word in pair]
    return without_passwords(shlex.join(["dalle", *verb, *words]))


def settings_of(**options: Any) -> "Settings":
    """The settings, with those of the options that are given.

    Raises:
        ConfigError: the root is at an address of an unknown kind.
    """
    from tasks.preflight import require_known_scheme
    from tasks.settings import Settings

    settings = Settings(**{name: value for name, value in options.items() if value is not None})
    require_known_scheme(settings.root)
    return settings


def launcher_of(file: Path | None, processes: int | None) -> "dict[str, Any] | None":
    """The setting `launcher` as options give it: a file's content, or this machine, with a number of processes."""
    from flows.changes import read_file

    if file is None and processes is None:
        return None
    _, launcher = read_file(file) if file else (None, {"kind": "local"})
    return launcher if processes is None else launcher | {"processes_per_node": processes}


def planned(
    recipe: str | None, file: Path | None, assignments: Sequence[str] | None, settings: "Settings"
) -> "list[Artifact]":
    """The artifact of each stage, finished or not."""
    from flows.plan import plan

    return plan(read_config(recipe, file, assignments).config, settings)
