"""Bytes and JSON at any fsspec URL. Every write is all or nothing: a reader sees the old file or the new one."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from tasks.engine import s3
from tasks.errors import StorageError


def filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The fsspec file system of `uri` and the path inside it. S3 is asked without a signature where this machine has no
    credentials, as public buckets allow.

    Raises:
        StorageError: neither a local path nor an s3:// URL.
    """
    if not (is_local(uri) or is_s3(uri)):
        raise StorageError(
            f"{uri} is neither a local path nor an s3:// URL, and no other storage lets one run alone write: "
            "choose another place with --root."
        )
    # Not `fsspec.core.url_to_fs`, which takes `::` in a name for a chain of file systems.
    if is_s3(uri):
        fs = fsspec.filesystem(
            "s3",
            use_listings_cache=False,
            config_kwargs=s3.request_config(),
            **({"anon": True} if s3.is_anonymous() else {}),
        )
        fs.retries = s3.READS
    else:
        fs = fsspec.filesystem("file")
    return fs, fs._strip_protocol(uri)


def is_local(uri: str) -> bool:
    """Whether `uri` is on the local file system."""
    return "://" not in uri or uri.startswith("file://")


def is_s3(uri: str) -> bool:
    """Whether `uri` is on S3, or a storage with the same interface."""
    return uri.startswith("s3://")


def absolute(uri: str) -> str:
    """Local paths made absolute, URLs as they are: the same address in every process."""
    return uri if "://" in uri else str(Path(uri).absolute())


def sha256(data: bytes) -> str:
    """The SHA-256 digest as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def plain_errors(uri: str, verb: str, option: str = "--root") -> Iterator[None]:
    """Raises errors of the operating system or S3 as a `StorageError`, one sentence with the remedy.

    A FileNotFoundError is raised unchanged.

    Args:
        verb: the action, for the message: "read", "write", …
        option: of the command line, with which another place can be chosen.
    """
    try:
        yield
    except Exception as error:
        said = s3.sentence(error, uri, option) if is_s3(uri) else None
        said = said or _of_the_system(error, uri, verb, option)
        if said is None:
            raise
        raise StorageError(said) from error


def _of_the_system(error: Exception, uri: str, verb: str, option: str) -> str | None:
    if isinstance(error, FileNotFoundError) or not isinstance(error, OSError):
        return None
    if isinstance(error, PermissionError):
        return f"No permission to {verb} {uri}: choose another place with {option}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"No space left to {verb} {uri}: free some and run again; every finished shard is kept."
    if error.errno in (errno.ENOTDIR, errno.EROFS, errno.EEXIST):
        return f"Cannot {verb} {uri} ({error.strerror}): choose another place with {option}."
    return f"Cannot {verb} {uri}: {error}."


def read_bytes(uri: str) -> bytes:
    """The whole file.

    Raises:
        FileNotFoundError: there is none.
        StorageError: it cannot be read.
    """
    fs, path = filesystem(uri)
    with plain_errors(uri, "read"):
        data: bytes = fs.cat_file(path)
    return data


def read_ranges(ranges: Sequence[tuple[str, int, int]]) -> list[bytes]:
    """Parts of files of one storage: URL, first byte, and the byte after the last; at once where it can.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: one cannot be read.
    """
    if not ranges:
        return []
    fs, _ = filesystem(ranges[0][0])
    paths = [filesystem(uri)[1] for uri, _, _ in ranges]
    _, starts, ends = zip(*ranges, strict=True)
    with plain_errors(ranges[0][0], "read"):
        found: list[bytes] = fs.cat_ranges(paths, list(starts), list(ends), on_error="raise")
    return found


def sha256_of_file(uri: str) -> str:
    """The digest of a file of any size; raises as `read_bytes` does."""
    fs, path = filesystem(uri)
    with plain_errors(uri, "read"), fs.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(uri: str, data: bytes) -> None:
    """Writes the file in one atomic step, in place of an old one: by a rename on a local disk, by one put on S3.

    Raises:
        StorageError: no space, no permission, or no such bucket.
    """
    fs, path = filesystem(uri)
    with plain_errors(uri, "write"):
        if is_local(uri):
            replace_file(Path(path), data)
        else:
            fs.pipe_file(path, data)


def write_file(uri: str, source: Path) -> None:
    """Copies a local file of any size, as `write_bytes` does: all or nothing."""
    fs, path = filesystem(uri)
    with plain_errors(uri, "write"):
        if is_local(uri):
            with _replacing(Path(path)) as target, source.open("rb") as file:
                shutil.copyfileobj(file, target)
        else:
            fs.put_file(str(source), path)


def remove_unfinished(folder: Path, pattern: str = ".*.tmp") -> None:
    """Removes what a killed process was writing in a folder that nobody writes to now."""
    for left in folder.glob(pattern):
        left.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Writes a local file by a rename, when its bytes are on the disk."""
    with _replacing(path) as file:
        file.write(data)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(uri: str) -> Any:
    """The parsed file; raises as `read_bytes` does."""
    return json.loads(read_bytes(uri))


def write_json(uri: str, value: Any) -> None:
    """Writes JSON with sorted keys; raises as `write_bytes` does."""
    write_bytes(uri, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())


def exists(uri: str) -> bool:
    """Whether there is such a file or folder."""
    fs, path = filesystem(uri)
    with plain_errors(uri, "look for"):
        return bool(fs.exists(path))


def size_bytes(uri: str) -> int | None:
    """Size of the file, or None if there is none."""
    fs, path = filesystem(uri)
    try:
        with plain_errors(uri, "look for"):
            return int(fs.info(path)["size"])
    except FileNotFoundError:
        return None


def names(uri: str) -> list[str]:
    """Names directly under a folder, sorted; empty if there is no such folder."""
    fs, path = filesystem(uri)
    try:
        with plain_errors(uri, "list"):
            return sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in fs.ls(path, detail=False))
    except FileNotFoundError:
        return []


def remove_folder(uri: str) -> None:
    """Removes a folder with all that is in it, if it is there."""
    fs, path = filesystem(uri)
    try:
        with plain_errors(uri, "remove"):
            fs.rm(path, recursive=True)
    except FileNotFoundError:
        return


def matching(pattern: str) -> list[str]:
    """URLs of the files that a pattern with *, ?, [] or ** names, sorted."""
    fs, path = filesystem(pattern)
    with plain_errors(pattern, "list"):
        found = sorted(each for each, about in fs.glob(path, detail=True).items() if about["type"] == "file")
    return [f"s3://{each}" for each in found] if is_s3(pattern) else found


def remove(uri: str) -> None:
    """Removes a file, if it is there."""
    fs, path = filesystem(uri)
    try:
        with plain_errors(uri, "remove"):
            fs.rm_file(path)
    except FileNotFoundError:
        return
