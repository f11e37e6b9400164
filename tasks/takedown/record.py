"""The record of takedowns: a plain file under the root, to which lines are added and from which none is taken."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from tasks.engine import conditional, storage
from tasks.errors import DamagedArtifactError
from tasks.takedown.takedowns import Takedown
from tasks.web.urls import url_key

RECORD = "takedowns.jsonl"


class RecordedTakedown(Takedown):
    """A line of the record. `when`: UTC, ISO 8601."""

    when: str
    reason: str = ""

    @property
    def takedown(self) -> Takedown:
        """What it takes down, and nothing about when and why."""
        return Takedown(kind=self.kind, value=self.value)


def record_uri(root: str) -> str:
    """URL of the record of a root."""
    return f"{storage.absolute(root).rstrip('/')}/{RECORD}"


def read_record(root: str) -> list[RecordedTakedown]:
    """All that has been taken down, the oldest first; empty if there is no record.

    Raises:
        DamagedArtifactError: a line cannot be read, so that nobody could say what is to be left out.
        StorageError: the record cannot be read.
    """
    try:
        return _parsed(record_uri(root), storage.read_bytes(record_uri(root)))
    except FileNotFoundError:
        return []


def add_to_record(root: str, takedowns: Sequence[Takedown], reason: str = "") -> list[RecordedTakedown]:
    """Adds what is not in the record yet, in one atomic step, also where several processes do so at once.

    Returns:
        The lines added.

    Raises:
        DamagedArtifactError, StorageError: as `read_record`; or the record cannot be written.
    """
    uri = record_uri(root)
    while True:
        stored = conditional.read(uri)
        old = stored.data if stored is not None else b""
        known = {_key(each) for each in _parsed(uri, old)}
        when = datetime.now(UTC).isoformat(timespec="seconds")
        new: dict[tuple[str, str], Takedown] = {}
        for each in takedowns:
            if _key(each) not in known:
                new.setdefault(_key(each), each)
        added = [RecordedTakedown(kind=each.kind, value=each.value, when=when, reason=reason) for each in new.values()]
        if not added:
            return []
        lines = "".join(f"{each.model_dump_json()}\n" for each in added).encode()
        between = b"\n" if old and not old.endswith(b"\n") else b""  # an editor may have left the last line open
        if conditional.swap(uri, stored.data if stored is not None else None, old + between + lines):
            return added


def _key(takedown: Takedown) -> tuple[str, str]:
    return takedown.kind, url_key(takedown.value) if takedown.kind == "url" else takedown.value


def _parsed(uri: str, data: bytes) -> list[RecordedTakedown]:
    found = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(RecordedTakedown.model_validate_json(line))
        except ValidationError as error:
            raise DamagedArtifactError(
                f"Line {number} of {uri} is no takedown: repair or remove it, since what it says cannot be left out."
            ) from error
    return found
