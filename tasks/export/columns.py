"""What an exported row says: one list, from which the shards, the card and the Croissant file are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks import schemas
from tasks.engine import storage
from tasks.errors import DamagedArtifactError
from tasks.fetch.image_files import read_header

ROWS_AT_ONCE = 100  # pairs in memory, and in a row group; `datasets` writes so many too where there are images
IMAGE = "image"
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True)
class Column:
    """A column of exported rows; `kind` is a data type of Arrow, `means` says what it holds."""

    name: str
    kind: str
    means: str


COLUMNS = (
    Column(
        "caption", "string", "The caption as it was screened; another row may have another one of the same picture."
    ),
    Column("url", "string", "Where the picture was fetched: an address, or a place in a folder or file."),
    Column("page_url", "string", "The page or the place in a file that the picture and its caption stood on."),
    Column("source", "string", "The source that gave the pair, as the card lists it."),
    Column("license", "string", "The licence as the source states it; empty where it states none."),
    Column("width", "int32", "Width of the picture as it is here, pixels."),
    Column("height", "int32", "Height of the picture as it is here, pixels."),
    Column("original_width", "int32", "Width of the picture as it was served, pixels."),
    Column("original_height", "int32", "Height of the picture as it was served, pixels."),
    Column("sha256", "string", "SHA-256 of the bytes of the picture as it is here."),
    Column("original_sha256", "string", "SHA-256 of the file as it was served."),
    Column("pair_id", "string", "Identifies the picture's address with the text it came with."),
)
_BY_NAME = {column.name: column for column in COLUMNS}
# Of the shards that `pack` writes: `tasks.schemas.PAIRS` without the picture.
PACKED_COLUMNS = (
    *(_BY_NAME[name] for name in ("pair_id", "url", "caption", "page_url", "source")),
    Column("licence", "string", _BY_NAME["license"].means),
    Column("width", "int32", _BY_NAME["original_width"].means),
    Column("height", "int32", _BY_NAME["original_height"].means),
    _BY_NAME["original_sha256"],
)
ABOUT_IMAGE = "The picture: an encoded file, as a rule a JPEG."


@dataclass(frozen=True)
class ExportedRow:
    """A pair: its encoded image, of the format that `suffix` is usual for, and the values of COLUMNS."""

    image: bytes
    suffix: str
    values: dict[str, Any]


def exported_rows(uri: str) -> Iterator[list[ExportedRow]]:
    """The pairs of a packed shard in order, so many at a time that they fit into memory.

    Raises:
        DamagedArtifactError: a picture is of no format that the pipeline stores.
    """
    for table in schemas.read_batches(uri, schemas.PAIRS.names, ROWS_AT_ONCE):
        yield [_exported(uri, row) for row in table.to_pylist()]


def _exported(uri: str, row: dict[str, Any]) -> ExportedRow:
    header = read_header(row["image"])
    if header is None or header.format not in SUFFIXES:
        raise DamagedArtifactError(f"{uri} holds a picture that cannot be read: delete its folder and run again.")
    stated = {
        "license": row["licence"],
        "width": header.width,
        "height": header.height,
        "original_width": row["width"],
        "original_height": row["height"],
        "sha256": storage.sha256(row["image"]),
    }
    values = {column.name: stated.get(column.name, row.get(column.name)) for column in COLUMNS}
    return ExportedRow(row["image"], SUFFIXES[header.format], values)


def arrow_type(column: Column) -> pa.DataType:
    """The type of a column in Parquet."""
    return pa.type_for_alias(column.kind)
