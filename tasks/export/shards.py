"""Packed shards as files that other programs open: tars as img2dataset writes them, or Parquet for `datasets`."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.engine import storage
from tasks.engine.temporary import temporary_folder
from tasks.export.columns import COLUMNS, IMAGE, ExportedRow, arrow_type, exported_rows
from tasks.settings import Settings

SPLITS = {"train": "train", "val": "validation"}  # of packed shards, and as others call them
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class ExportFormat(StrEnum):
    """What the shards are."""

    WEBDATASET = "webdataset"
    PARQUET = "parquet"


@dataclass(frozen=True)
class ShardJob:
    """A packed shard to be exported, the `index`-th of `count` of its split; keys have `digits` for a row's number."""

    uri: str
    split: str
    index: int
    count: int
    digits: int


@dataclass(frozen=True)
class ExportedShard:
    """A file: its path in the data set, and what it holds.

    Attributes:
        image_bytes: of all its pictures; None where they were not counted, as is `caption_characters`.
    """

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str
    image_bytes: int | None = None
    caption_characters: int | None = None


def write_shard(form: ExportFormat, target: str, settings: Settings, job: ShardJob) -> ExportedShard:
    """Writes a shard under `target`, at once when it is complete. Runs in a Dask worker.

    Raises:
        DamagedArtifactError: the packed shard cannot be read.
        StorageError: the target or the work folder cannot be written.
    """
    path = {
        ExportFormat.WEBDATASET: f"{job.split}/{job.index:05d}.tar",
        ExportFormat.PARQUET: f"data/{job.split}-{job.index:05d}-of-{job.count:05d}.parquet",
    }[form]
    write = {ExportFormat.WEBDATASET: _write_tar, ExportFormat.PARQUET: _write_parquet}[form]
    tally = _Tally()
    with temporary_folder(settings) as folder:
        file = Path(folder, "shard")
        with storage.plain_errors(str(file), "write", "--work-dir"):
            write(file, job, tally.counted(exported_rows(job.uri)))
        storage.write_file(f"{target}/{path}", file)
        size, digest = file.stat().st_size, storage.sha256_of_file(str(file))
    return ExportedShard(path, job.split, tally.rows, size, digest, tally.image_bytes, tally.characters)


@dataclass
class _Tally:
    """Counts pairs on their way into a file."""

    rows: int = 0
    image_bytes: int = 0
    characters: int = 0

    def counted(self, batches: Iterator[list[ExportedRow]]) -> Iterator[list[ExportedRow]]:
        """The same pairs."""
        for pairs in batches:
            self.rows += len(pairs)
            self.image_bytes += sum(len(pair.image) for pair in pairs)
            self.characters += sum(len(pair.values["caption"]) for pair in pairs)
            yield pairs


def _write_tar(file: Path, job: ShardJob, batches: Iterator[list[ExportedRow]]) -> None:
    """KEY.jpg, KEY.txt and KEY.json of each pair, as img2dataset names them. Equal pairs give equal bytes."""
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, pair in enumerate(pair for pairs in batches for pair in pairs):
            key = f"{job.index:05d}{number:0{job.digits}d}"
            about = {"key": key, "status": "success", "split": job.split} | pair.values
            for suffix, data in {
                pair.suffix: pair.image,
                "txt": pair.values["caption"].encode(),
                "json": json.dumps(about, ensure_ascii=False).encode(),
            }.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all


def _write_parquet(file: Path, job: ShardJob, batches: Iterator[list[ExportedRow]]) -> None:
    """Parquet whose metadata says that a column is of images, so that `datasets` decodes them."""
    schema = parquet_schema()
    # Pictures are compressed already.
    compression = {"image.bytes": "none", "image.path": "zstd"} | {column.name: "zstd" for column in COLUMNS}
    dictionaries = [column.name for column in COLUMNS]
    with pq.ParquetWriter(
        file, schema, compression=compression, use_dictionary=dictionaries, write_page_index=True
    ) as writer:
        for pairs in batches:
            columns: list[list[object]] = [
                [{"bytes": pair.image, "path": f"{pair.values['pair_id']}.{pair.suffix}"} for pair in pairs]
            ]
            columns += [[pair.values[column.name] for pair in pairs] for column in COLUMNS]
            writer.write_table(pa.table(columns, schema=schema))


def parquet_schema() -> pa.Schema:
    """The columns of exported Parquet, and the features of `datasets`: JSON in the metadata, as it writes it itself."""
    columns = [pa.field(IMAGE, STRUCT), *(pa.field(column.name, arrow_type(column)) for column in COLUMNS)]
    return pa.schema(columns, {"huggingface": json.dumps({"info": {"features": features()}})})


def features() -> dict[str, dict[str, str]]:
    """The columns as `datasets` names their types."""
    values = {column.name: {"dtype": column.kind, "_type": "Value"} for column in COLUMNS}
    return {IMAGE: {"_type": "Image"}} | values
