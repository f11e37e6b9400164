"""Input artifacts for tests, made by a stage that writes the rows it is configured with."""

import base64
import hashlib
from typing import Any

import pyarrow as pa

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.settings import Settings

SCHEMAS = {"candidates": schemas.CANDIDATES, "captions": schemas.CAPTIONS, "images": schemas.IMAGES}


class RowsConfig(StageConfig):
    kind: str
    shards: tuple[tuple[dict[str, Any], ...], ...]


@stage(RowsConfig)
def rows_stage(config: RowsConfig, output: Output) -> None:
    output.map(_Table(config.kind), list(config.shards))


class _Table:
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, rows: Any) -> Shard:
        restored = [{**row, "image": base64.b64decode(row["image"])} if "image" in row else row for row in rows]
        return Shard(len(rows), {self.kind: pa.Table.from_pylist(restored, SCHEMAS[self.kind])})


def artifact(kind: str, settings: Settings, *shards: list[dict[str, Any]]) -> Artifact:
    """An artifact with these shards of rows. Missing columns get plain values."""
    complete = tuple(tuple(_complete(row) for row in rows) for rows in shards)
    return rows_stage(RowsConfig(kind=kind, shards=complete), settings).artifact


def _complete(row: dict[str, Any]) -> dict[str, Any]:
    plain = {
        "url": "https://example.com/image.png",
        "page_url": "https://example.com/",
        "source": "https://example.com/",
        "original_sha256": "0" * 64,
    }
    row = {**plain, "alt": "", "caption": "a caption of four words", "licence": None, "width": 80, "height": 80, **row}
    row.setdefault("pair_id", hashlib.sha256(f"{row['url']}\n{row['alt'] or row['caption']}".encode()).hexdigest()[:16])
    if "image" in row:
        row["image"] = base64.b64encode(row["image"]).decode()
    return row


def rows(artifact: Artifact, kind: str) -> list[dict[str, Any]]:
    """All rows of one kind."""
    return [row for uri in artifact.files(kind) for row in schemas.read_table(uri).to_pylist()]


def reasons(artifact: Artifact) -> dict[str, str]:
    """The reason of each reject, by the last part of its URL."""
    return {row["url"].rsplit("/", 1)[-1]: row["reason"] for row in rows(artifact, "rejects")}
