"""The files in a tar, one by one, as pytar and GNU tar write them; nothing is unpacked, and damage ends the reading."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, cast

MAX_HEADER_BYTES = 2**20  # of a long name or an extended header; tarfile would read any size into memory
BLOCK_BYTES = 512
# What tarfile raises for headers that are none; long chains of them end in a RecursionError.
DAMAGE = (tarfile.TarError, ValueError, OverflowError, KeyError, IndexError, RecursionError)


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name, where its content begins, bytes, and how many bytes that is."""

    name: str
    start: int
    size: int


@dataclass(frozen=True)
class Refusal:
    """A member that is not read, or the damage behind which nothing is; `reason` is a short stable code."""

    name: str
    reason: str
    detail: str


def members(file: IO[bytes]) -> Iterator[Member | Refusal]:
    """The regular files of a tar that is not compressed, in order. Memory does not grow with their number.

    Folders are passed over. Links, devices, sparse files, and names that lead out of the archive are refused. Where the
    archive is damaged or cut short it ends with a refusal; what stands before is complete.
    """
    end = file.seek(0, 2)
    file.seek(0)
    reached = 0
    try:
        archive: Any = tarfile.TarFile(fileobj=cast(Any, _Headers(file)), errors="surrogateescape", encoding="utf-8")
        while (info := archive.next()) is not None:
            archive.members = []  # it would keep them all
            if info.size < 0 or archive.offset <= reached:
                raise tarfile.ReadError("a size below zero")
            if info.offset_data + (info.size if info.isreg() else 0) > end:
                raise tarfile.ReadError(f"cut short in {info.name}")
            reached = archive.offset
            if (found := _member(info)) is not None:
                yield found
        _check_end(file, archive.offset)
    except DAMAGE as error:
        yield Refusal("", "damaged_record", f"nothing is read behind byte {reached} ({str(error)[:100]})")


class _Headers:
    """The file as tarfile reads it, which reads headers alone: none may be larger than a header is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def _member(info: tarfile.TarInfo) -> Member | Refusal | None:
    if info.isdir():
        return None
    path = PurePosixPath(info.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in info.name:
        return Refusal(info.name, "unsafe_member", "its name leads out of the archive")
    if info.issparse() or not info.isreg():
        what = "a link" if info.islnk() or info.issym() else "no regular file"
        return Refusal(info.name, "unsafe_member", what)
    return Member(info.name, info.offset_data, info.size)


def _check_end(file: IO[bytes], offset: int) -> None:
    """Tarfile ends alike at the blocks of zeros that end an archive and at anything that is no header.

    Raises:
        ReadError: this is not the end of an archive.
    """
    file.seek(offset)
    block = file.read(BLOCK_BYTES)
    if len(block) < BLOCK_BYTES:
        raise tarfile.ReadError("its end is missing")
    if block.strip(b"\0"):
        raise tarfile.ReadError("no header")
