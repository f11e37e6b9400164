"""Models that were trained elsewhere: a folder that a config names, used in place of a training."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from models.files import CONFIG
from tasks.engine import storage
from tasks.engine.output import Output
from tasks.errors import SourceError

Names = Collection[str] | None


def keep_published(folder: Path, setting: str, output: Output, names: Names = None) -> None:
    """Copies a published model's files into the artifact.

    Args:
        setting: the setting that names the folder, for the error.
        names: the files that may belong to it; all of the folder, without hidden ones, if not given.

    Raises:
        SourceError: the folder holds no model.
    """
    for path in _files(folder, setting, names):
        output.write(path.name, path.read_bytes())


def digest_of_published(folder: Path, setting: str, names: Names = None) -> str:
    """Digest of names and contents of a published model's files; arguments as for `keep_published`.

    Raises:
        SourceError: the folder holds no model.
    """
    lines = []
    for path in _files(folder, setting, names):
        stat = path.stat()
        lines.append(f"{path.name} {_digest(path, stat.st_size, stat.st_mtime_ns)}\n")
    return storage.sha256("".join(lines).encode())


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """Of a file of gigabytes, which a run asks for several times; read again if size or time of change differ."""
    return storage.sha256_of_file(str(path.absolute()))


def _files(folder: Path, setting: str, names: Names) -> list[Path]:
    if not (folder / CONFIG).is_file():
        raise SourceError(f"{folder} holds no published model (no {CONFIG}): name its folder in {setting}.")
    visible = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in visible if names is None or path.name in names)
