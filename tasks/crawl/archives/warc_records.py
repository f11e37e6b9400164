"""The records of a WARC file, whatever was damaged between them: each is yielded once its own bytes are known sound."""

import re
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, TypeVar

from fastwarc.warc import ArchiveIterator, WarcRecord

from tasks.engine import s3
from tasks.errors import StorageError

CHUNK_BYTES = 1 << 16
MAX_HEADER_BYTES = 1 << 15  # of a record, as FastWARC has it
GZIP = b"\x1f\x8b\x08"
START = re.compile(rb"\x1f\x8b\x08|WARC/1\.")  # of a gzip member, or of a record that is not compressed
OVERLAP = 8  # bytes, so that a search in pieces does not cut a start apart
PROBE_BYTES = 1024  # of a member, enough for the first five bytes in it
LENGTH = re.compile(rb"\r\nContent-Length:\s*(\d{1,18})\s*\r\n", re.IGNORECASE)
PLACES_KEPT = 100
Read = TypeVar("Read")


@dataclass
class Damage:
    """What of an archive could not be read.

    Attributes:
        count: damaged stretches of the file, each one record or more.
        places: the first of them, in words.
    """

    count: int = 0
    places: list[str] = field(default_factory=list)

    def note(self, place: str) -> None:
        """Adds one."""
        self.count += 1
        if len(self.places) < PLACES_KEPT:
            self.places.append(place)


class Records(Generic[Read]):
    """Iterates over what `read` makes of each record of an archive, which is gzip, a member for each record, or plain.

    FastWARC raises an error at a damaged member, or ends as at the end of the file, at times after it gave out a part
    of it. So the last record before that is checked, and reading goes on at the next start of a record.

    Args:
        file: seekable.
        read: reads what is needed of a record's content; an `OSError` in it is one of the content.
        name: of the file, for messages.
    """

    def __init__(self, file: BinaryIO, read: Callable[[WarcRecord], Read], damage: Damage, name: str) -> None:
        self.file = _Watched(file)
        self.read = read
        self.damage = damage
        self.name = name
        self.size = file.seek(0, 2)

    def __iter__(self) -> Iterator[Read]:
        """Raises StorageError if the file itself cannot be read further."""
        start: int | None = 0
        while start is not None and start < self.size:
            start = yield from self._stretch(start)

    def _stretch(self, start: int) -> Generator[Read, None, int | None]:
        """What can be read from `start` on without a break. Returns where to go on, None at the end of the file."""
        self.file.seek(start)
        position, held = -1, deque[Read]()
        failed = False
        try:
            for record in ArchiveIterator(self.file, parse_http=False):
                yield from _taken(held)
                position = record.stream_pos
                held.append(self.read(record))
        except OSError:
            failed = True
        if self.file.problem is not None:
            problem = self.file.problem
            said = s3.sentence(problem, self.name, "source.sources")
            raise StorageError(said or f"Cannot read {self.name} to its end ({problem}): run again.") from problem
        if position < 0:
            self.damage.note(f"no record can be read at byte {start}")
            return self._next_start(start + 1)
        if not START.match(self._at(position, 7)):  # several records in one gzip member: nothing tells where they end
            if not failed:
                yield from held
                return None
            end = None
        else:
            end = self._end(position)
        if end is None:
            self.damage.note(f"the record at byte {position} is damaged or cut off")
            return self._next_start(position + 1)
        yield from held
        return end

    def _end(self, position: int) -> int | None:
        """Where the record at `position` ends, None if it is not as long as it says or its checksum is wrong."""
        self.file.seek(position)
        first = self.file.read(CHUNK_BYTES)
        if not first.startswith(GZIP):
            length, header = _lengths(first)
            end = position + header + length
            if length < 0 or end > self.size:
                return None
            after = self._at(end, 9)
            rest = after.lstrip(b"\r\n")
            return end + len(after) - len(rest) if rest[:5] in (b"", b"WARC/") else None
        member = zlib.decompressobj(wbits=31)
        content, total, chunk = b"", 0, first
        try:
            while chunk and not member.eof:
                piece = member.decompress(chunk, CHUNK_BYTES)
                content, total = (content + piece)[:MAX_HEADER_BYTES], total + len(piece)
                chunk = member.unconsumed_tail or (b"" if member.eof else self.file.read(CHUNK_BYTES))
        except zlib.error:
            return None
        length, header = _lengths(content)
        sound = member.eof and length >= 0 and 0 <= total - header - length <= 4
        return self.file.tell() - len(member.unused_data) if sound else None

    def _next_start(self, position: int) -> int | None:
        """The first byte from `position` on where a record begins, None if there is none."""
        window = self._at(position, CHUNK_BYTES + PROBE_BYTES)
        while window:
            for found in START.finditer(window, 0, CHUNK_BYTES + OVERLAP):
                if _is_start(window[found.start() : found.start() + PROBE_BYTES]):
                    return position + found.start()
            position += CHUNK_BYTES
            window = self._at(position, CHUNK_BYTES + PROBE_BYTES)
        return None

    def _at(self, position: int, size: int) -> bytes:
        self.file.seek(position)
        return self.file.read(size)


def _is_start(first: bytes) -> bool:
    """Whether what looks like the start of a record is one: the bytes of a gzip member's also occur inside of one."""
    if not first.startswith(GZIP):
        return True
    try:
        return zlib.decompressobj(wbits=31).decompress(first, 5) == b"WARC/"
    except zlib.error:
        return False


def _lengths(record: bytes) -> tuple[int, int]:
    """Bytes of a record's content by its header, and of the header; -1 where the header does not say or end."""
    header = record.find(b"\r\n\r\n") + 4
    found = LENGTH.search(record, 0, header)
    return (int(found[1]), header) if found is not None and header >= 4 else (-1, 0)


def _taken(held: deque[Read]) -> Iterator[Read]:
    while held:
        yield held.popleft()


class _Watched:
    """A file that remembers its own errors, which FastWARC passes on beside those of the content."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.problem: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self.file.read(size)
        except Exception as error:
            self.problem = error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        """Nothing: who opened the file closes it."""
