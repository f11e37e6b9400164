"""Images that no training may see: a folder of images, or of Parquet files with a column of encoded images."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from models.training.errors import DataError
from tasks.crawl.sources.folder_files import IMAGE_SUFFIXES, digest_of
from tasks.dedup.embeddings import Embed
from tasks.engine import storage
from tasks.engine.artifact import is_artifact_folder
from tasks.errors import SourceError

SETTING = "dedup.evaluation_set"
PARQUET = ".parquet"
COLUMN = "image"
FILES_AT_ONCE = 256
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class EvaluationImage:
    """What is compared of one image; see `hash_and_thumbnail`. `vector` is that of a CLIP, None where there is none.

    `name`: its file in the evaluation set, or a Parquet file and the row's number from 1, as in `part.parquet#7`.
    """

    name: str
    hash_bits: Any
    thumbnail: Any
    vector: Any = None


@dataclass(frozen=True)
class EvaluationSet:
    """Its files: paths relative to `root`, with slashes, sorted."""

    root: Path
    files: tuple[str, ...]

    @classmethod
    def of(cls, place: str) -> "EvaluationSet":
        """The files of a folder and the folders in it, or one Parquet file.

        Left out are hidden folders, and artifacts of this pipeline, which hold the images that are to be judged.

        Raises:
            SourceError: there is nothing at the place, no image, or no permission to read.
        """
        path = Path(place)
        if path.is_file() and path.suffix.lower() == PARQUET:
            return cls(path.parent, (path.name,))
        if not path.is_dir():
            what = "is neither a folder nor a Parquet file" if path.exists() else "does not exist"
            raise SourceError(f"The evaluation set {path} {what}: check {SETTING}.")
        files = tuple(sorted(_files(path)))
        if not files:
            raise SourceError(f"The evaluation set {path} holds no images and no Parquet files: check {SETTING}.")
        return cls(path, files)

    def state(self) -> str:
        """Digest of the names and contents of the files.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            parts = [f"{file}\n{digest_of(self.root / file)}" for file in self.files]
        except OSError as error:
            raise SourceError(f"The evaluation set cannot be read ({error}): check {SETTING}.") from error
        return storage.sha256("\n".join(parts).encode(errors="surrogateescape"))

    def parts(self) -> list["EvaluationSet"]:
        """Parts to be read side by side: some images each, or one Parquet file."""
        tables = [file for file in self.files if _is_table(file)]
        images = [file for file in self.files if not _is_table(file)]
        groups = [tuple(images[start : start + FILES_AT_ONCE]) for start in range(0, len(images), FILES_AT_ONCE)]
        return [EvaluationSet(self.root, group) for group in [*groups, *((table,) for table in tables)]]


def evaluation_images(part: EvaluationSet, embed: Embed | None = None) -> list[EvaluationImage]:
    """What is compared of every image. Only one row group of encoded images is in memory at a time.

    Raises:
        SourceError: an image or a table cannot be read, since what is like it would not be found.
    """
    from tasks.dedup.near_duplicates import hash_and_thumbnail

    found = []
    for file in part.files:
        for name, image in encoded_images(part.root, file):
            try:
                vector = embed([image])[0] if embed is not None else None
                found.append(EvaluationImage(name, *hash_and_thumbnail(image), vector))
            except DataError as error:
                raise SourceError(f"{name} in {SETTING} cannot be read ({error}): repair or remove it.") from error
    return found


def encoded_images(root: Path, file: str) -> Iterator[tuple[str, bytes]]:
    """The images of one file of an evaluation set with their names, a few in memory at a time.

    Raises:
        SourceError: as `evaluation_images`.
    """
    if not _is_table(file):
        yield file, (root / file).read_bytes()
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(root / file) as table:
            if COLUMN not in table.schema_arrow.names:
                raise SourceError(f"{file} in {SETTING} has no column '{COLUMN}': rename its column of images so.")
            row = 0
            for batch in table.iter_batches(ROWS_AT_ONCE, columns=[COLUMN]):
                for value in batch.column(COLUMN).to_pylist():
                    row += 1
                    # The datasets library keeps bytes and path in a struct.
                    image = value.get("bytes") if isinstance(value, dict) else value
                    if not isinstance(image, bytes):
                        raise SourceError(f"{file}#{row} in {SETTING} holds no encoded image: remove the row.")
                    yield f"{file}#{row}", image
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file} in {SETTING} is no Parquet file ({error}): repair or remove it.") from error


def _is_table(file: str) -> bool:
    return PurePosixPath(file).suffix.lower() == PARQUET


def _files(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not (name.startswith(".") or is_artifact_folder(Path(place, name)))]
        for name in files:
            known = PurePosixPath(name).suffix.lower() in {*IMAGE_SUFFIXES, PARQUET}
            if known and not name.startswith("."):
                yield Path(place, name).relative_to(root).as_posix()
