"""A digest of the code that a stage runs, so that a manifest can say whether today's code is still the same.

The rule: the files of the stage's module, or of its whole folder where it has a folder of its own; and every module of
`tasks` and `models` that these files name in an import or in a string, and so on. Without `tasks/engine`, which moves
rows and files and decides nothing about their content.
"""

import ast
import hashlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from models.config import Frozen
from tasks import REPOSITORY

NAMED = re.compile(r"(?:tasks|models)(?:\.\w+)+")
STAGE_FILE = "stage.py"  # of a stage with a folder of its own


class CodeRecord(Frozen):
    """The code that made an artifact.

    Attributes:
        module: of the stage's function.
        sha256: of the files the rule above names; empty if the module is not in a file.
        commit: of the git checkout, with `-dirty` where files were changed since; None outside a checkout.
    """

    module: str
    sha256: str
    commit: str | None = None


def record(module: str) -> CodeRecord:
    """The code of a stage as it is now."""
    return CodeRecord(module=module, sha256=digest(module), commit=commit())


def is_other(made_by: CodeRecord | None) -> bool:
    """Whether today's code of a stage is not the code of an artifact; False if an old manifest does not name it."""
    return made_by is not None and made_by.sha256 != digest(made_by.module)


@cache
def digest(module: str, repository: Path = REPOSITORY) -> str:
    """The digest of a stage's code by the rule above, over names and contents of its files; empty if it has no file."""
    start = _file_of(module, repository)
    if start is None:
        return ""
    digests = hashlib.sha256()
    for path in sorted(_reached(start.parent if start.name == STAGE_FILE else start, repository)):
        name = path.relative_to(repository) if path.is_relative_to(repository) else path.name
        digests.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digests.hexdigest()


@cache
def of_project(repository: Path = REPOSITORY) -> str:
    """The digest of all that a Dask worker may run: the files of `tasks` and `models`."""
    digests = hashlib.sha256()
    for path in sorted(path for folder in ("tasks", "models") for path in (repository / folder).rglob("*.py")):
        digests.update(f"{path.relative_to(repository)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digests.hexdigest()


@cache
def commit(digits: int = 40, repository: Path = REPOSITORY) -> str | None:
    """The commit of the checkout this code is in, with `-dirty` behind it if files differ; None outside a checkout."""
    if not (repository / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", f"--abbrev={digits}", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def _file_of(module: str, repository: Path) -> Path | None:
    path = repository / f"{module.replace('.', '/')}.py"
    if path.is_file():
        return path
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _reached(start: Path, repository: Path) -> set[Path]:
    """The files below `start`, and those of the modules they name."""
    reached: set[Path] = set()
    waiting = [start]
    while waiting:
        for path in _files(waiting.pop()):
            if path not in reached:
                reached.add(path)
                names = _named(path) if path.suffix == ".py" else ()
                waiting.extend(found for name in names if (found := _place(name, repository)))
    return reached


def _files(place: Path) -> Iterator[Path]:
    """The file, or all source files of the folder."""
    found = [place] if place.is_file() else place.rglob("*")
    return (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _place(name: str, repository: Path) -> Path | None:
    """File or folder of a module; of `tasks` and `models` themselves, and of the engine, none."""
    if "." not in name or name.startswith("tasks.engine"):
        return None
    folder = repository / name.replace(".", "/")
    file = folder.with_suffix(".py")
    return file if file.is_file() else folder if folder.is_dir() else None


def _named(path: Path) -> Iterator[str]:
    """Modules that a source file imports or names in strings; names inside modules too, which have no file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if NAMED.match(alias.name))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("tasks", "models"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield str(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (name := NAMED.match(node.value)):
            yield name.group()
