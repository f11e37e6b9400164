"""The pictures whose upper part is kept: held-out ones of the run, and files that the user names."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.translate.config import Config

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class GivenPicture:
    """A picture: its caption, the bytes of its image file, and the pair that it is of, if it is of one."""

    caption: str
    image: bytes
    pair_id: str | None = None


def given_pictures(config: Config, pairs: Artifact) -> Iterator[GivenPicture]:
    """The held-out ones, the first by hash of the pair, each picture once; then the named files, in their order."""
    yield from _held_out(pairs, config.pictures)
    for file in map(Path, config.files):
        caption = " ".join(file.stem.replace("-", " ").replace("_", " ").split())
        yield GivenPicture(caption, file.expanduser().read_bytes())


def _held_out(pairs: Artifact, count: int) -> list[GivenPicture]:
    """Memory holds a batch of rows, and those that are first so far."""
    first: dict[bytes, GivenPicture] = {}  # by digest of the image
    for shard in pairs.files("val") if count else []:
        for batch in schemas.read_batches(shard, ["pair_id", "caption", "image"], ROWS_AT_ONCE):
            rows = [
                *first.values(),
                *(GivenPicture(row["caption"], row["image"], row["pair_id"]) for row in batch.to_pylist()),
            ]
            found: dict[bytes, GivenPicture] = {}
            for row in sorted(rows, key=lambda row: hashlib.sha256(str(row.pair_id).encode()).digest()):
                found.setdefault(hashlib.sha256(row.image).digest(), row)
            first = dict(list(found.items())[:count])
    return list(first.values())
