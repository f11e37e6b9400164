"""Models that were trained elsewhere: what a config names, a folder or a hub's model, used in place of a training."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from models.files import CONFIG
from tasks.engine import storage
from tasks.engine.output import Output
from tasks.errors import SourceError

Patterns = Collection[str]
EVERYTHING = ("*",)
HUB_NAME = re.compile(r"(?P<model>\w[\w.-]*(/\w[\w.-]*)?)(@(?P<revision>[\w./-]+))?", re.ASCII)


def published_folder(name: str, setting: str, patterns: Patterns) -> Path:
    """The folder that `name` is, else a copy of the model of this name on the Hugging Face hub, `model` or
    `model@revision`, in the hub's cache on this machine.

    Args:
        setting: the setting that names it, for the error.
        patterns: of the names of the files to fetch.

    Raises:
        SourceError: there is no such folder, and the hub cannot be reached or gives no such model.
    """
    folder = Path(name).expanduser()
    on_hub = HUB_NAME.fullmatch(name)
    if folder.is_dir() or on_hub is None:
        return folder
    return _from_hub(on_hub["model"], on_hub["revision"], setting, tuple(patterns))


@lru_cache(maxsize=8)
def _from_hub(model: str, revision: str | None, setting: str, patterns: tuple[str, ...]) -> Path:
    """Asked once per process, so that a run does not see two versions of a model that moves on meanwhile."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # of the hub, of its HTTP client, of the disk: whatever it was, the remedy is the same
        raise SourceError(
            f"There is no folder {model}, and no such model came from the hub ({_first_line(error)}): "
            f"check the name and the network, or fetch the model elsewhere and name its folder in {setting}."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("Got: ").rstrip(".") if lines else type(error).__name__


def keep_published(folder: Path, setting: str, output: Output, patterns: Patterns = EVERYTHING) -> None:
    """Copies a published model's files into the artifact.

    Args:
        setting: the setting that names the folder, for the error.
        patterns: of the names of the files that may belong to it; all of the folder, without hidden ones, if not given.

    Raises:
        SourceError: the folder holds no model.
    """
    for path in _files(folder, setting, patterns):
        output.write(path.name, path.read_bytes())


def digest_of_published(folder: Path, setting: str, patterns: Patterns = EVERYTHING) -> str:
    """Digest of names and contents of a published model's files; arguments as for `keep_published`.

    Raises:
        SourceError: the folder holds no model.
    """
    lines = []
    for path in _files(folder, setting, patterns):
        stat = path.stat()
        lines.append(f"{path.name} {_digest(path, stat.st_size, stat.st_mtime_ns)}\n")
    return storage.sha256("".join(lines).encode())


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """Of a file of gigabytes, which a run asks for several times; read again if size or time of change differ."""
    return storage.sha256_of_file(str(path.absolute()))


def _files(folder: Path, setting: str, patterns: Patterns) -> list[Path]:
    if not (folder / CONFIG).is_file():
        raise SourceError(f"{folder} holds no published model (no {CONFIG}): name its folder in {setting}.")
    visible = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in visible if any(fnmatchcase(path.name, pattern) for pattern in patterns))
