"""The columns of every table that passes between stages. Readers check them before they start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.engine import storage
from tasks.errors import DamagedArtifactError, SchemaError

# The URL of an image with its alt text on one page, before any filter.
CANDIDATES = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),  # 16 hex digits: sha256 of url, newline, alt text
        pa.field("url", pa.string(), nullable=False),
        pa.field("alt", pa.string(), nullable=False),
        pa.field("page_url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("licence", pa.string()),
        pa.field("split", pa.string()),  # train | validation: where the source states it
    ]
)

# A candidate with its caption cleaned and accepted.
CAPTIONS = CANDIDATES.append(pa.field("caption", pa.string(), nullable=False))

# The same where captions are transformed, with the caption as it was accepted.
TRANSFORMED_CAPTIONS = CAPTIONS.append(pa.field("caption_before", pa.string(), nullable=False))

# A fetched image with its caption. `width` and `height` are those of the image as it was served, in pixels.
IMAGES = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("page_url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("licence", pa.string()),
        pa.field("split", pa.string()),  # as stated; after dedup the same in all rows of a URL
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("original_sha256", pa.string(), nullable=False),  # of the file as it was served, 64 hex digits
        pa.field("image", pa.binary(), nullable=False),  # JPEG, PNG or WebP bytes
    ]
)

# A fetched image with the ground on which it was fetched: see tasks.fetch.consent.
FETCHED = IMAGES.append(pa.field("consent", pa.string(), nullable=False))

# A training pair, as packed for the trainers. Its split is in the shard's name: `train-…` or `val-…`.
PAIRS = IMAGES.remove(IMAGES.get_field_index("split"))

# The codes of one encoding of one pair: little-endian uint16, one for each cell in raster order.
TOKENS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("crop", pa.int32(), nullable=False),  # which of the k augmented encodings
        pa.field("codes", pa.binary(), nullable=False),  # stored as fixed-size binary; see `tokens`
    ]
)

# One generated image.
SAMPLES = pa.schema(
    [
        pa.field("prompt_id", pa.int32(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # fixed | train | val, or the name of a suite or a probe
        pa.field("pair_id", pa.string()),  # the pair whose caption it is, for groups train and val
        pa.field("category", pa.string()),  # as a suite files the prompt; null elsewhere
        pa.field("challenge", pa.string()),  # what the prompt is to test, where a suite says so
        pa.field("index", pa.int32(), nullable=False),  # which of the N candidates of this prompt
        pa.field("seed", pa.int64(), nullable=False),  # with prompt and index it gives this image again
        pa.field("codes", pa.binary()),  # of a generator that draws codes
        pa.field("image", pa.binary(), nullable=False),  # PNG bytes
    ]
)

# A sample with the ranker's score; rank 0 is the best of its prompt.
SCORES = SAMPLES.append(pa.field("score", pa.float32(), nullable=False)).append(
    pa.field("rank", pa.int32(), nullable=False)
)

# A picture whose upper part is kept, as the generator sees it.
GIVEN = pa.schema(
    [
        pa.field("picture", pa.int32(), nullable=False),  # its number
        pa.field("caption", pa.string(), nullable=False),
        pa.field("pair_id", pa.string()),  # of a held-out picture
        pa.field("image", pa.binary(), nullable=False),  # PNG bytes
    ]
)

# A sample below the kept part of such a picture, with the ranker's score. Its group is `image`.
TRANSLATIONS = pa.schema(
    [
        *SCORES,
        pa.field("picture", pa.int32(), nullable=False),
        pa.field("keep_rows", pa.float32(), nullable=False),  # share of the height that is kept, from the top
        pa.field("unread", pa.string(), nullable=False),  # the end of the prompt, if it is longer than what is read
    ]
)

# A row that a stage rejected, with the reason and what helps to check it.
REJECTS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # a short stable code, such as too_short
        pa.field("detail", pa.string()),  # the value that decided, such as "3 characters"
        pa.field("url", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("image", pa.binary()),  # present where the image was already fetched
    ]
)


def tokens(codes_per_image: int) -> pa.Schema:
    """TOKENS with the codes as a fixed-size binary column: half the bytes and six times the speed of a list."""
    field = pa.field("codes", pa.binary(2 * codes_per_image), nullable=False)
    return TOKENS.set(TOKENS.get_field_index("codes"), field)


def rejects(table: pa.Table, reasons: pa.Array, details: pa.Array) -> pa.Table:
    """The rows of a table that have a reason, as REJECTS, with null in the columns that the table does not have."""
    told = table.append_column("reason", reasons).append_column("detail", details).filter(pc.is_valid(reasons))
    for field in REJECTS:
        if field.name not in told.column_names:
            told = told.append_column(field, pa.nulls(told.num_rows, field.type))
    return told.select(REJECTS.names).cast(REJECTS)


def read_table(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of one Parquet shard, with all columns if none are named; else only the named ones are read.

    Raises:
        DamagedArtifactError: the file is missing, cut short, lacks a column, or a page of it does not have its
            checksum.
        StorageError: it cannot be read.
    """
    with _opened(uri, whole=columns is None) as file:
        return pq.read_table(file, columns=columns, page_checksum_verification=True)


def read_batches(uri: str, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Some columns of one Parquet shard in tables of at most so many rows, with a row group in memory at a time.

    Raises:
        DamagedArtifactError, StorageError: as `read_table`.
    """
    with opened_shard(uri) as shard:
        for batch in shard.iter_batches(rows, columns=list(columns)):
            yield pa.Table.from_batches([batch])


@contextmanager
def opened_shard(uri: str) -> Iterator[pq.ParquetFile]:
    """One Parquet shard, for a reader of parts of it; in the block only it is to be read.

    Raises:
        DamagedArtifactError, StorageError: as `read_table`, also in the block.
    """
    with _opened(uri) as file:
        yield pq.ParquetFile(file, page_checksum_verification=True)


def check_shard(uri: str, expected: pa.Schema) -> None:
    """Reads the shard's footer and compares its columns with those expected; further columns are allowed.

    Raises:
        DamagedArtifactError: the file is missing, or its footer cannot be read.
        SchemaError: columns are missing or of another type.
        StorageError: it cannot be read.
    """
    with _opened(uri) as file:
        found = pq.read_schema(file)
    for field in expected:
        index = found.get_field_index(field.name)
        if index < 0:
            raise SchemaError(f"{uri} has no column '{field.name}': it was not written by this version; run again.")
        if not _same_kind(found.field(index).type, field.type):
            raise SchemaError(f"{uri}: column '{field.name}' is {found.field(index).type}, not {field.type}.")


@contextmanager
def _opened(uri: str, whole: bool = False) -> Iterator[Any]:
    """The file for Arrow to read; `whole` reads it at once. What Arrow cannot read is damaged."""
    fs, path = storage.filesystem(uri)
    try:
        with storage.plain_errors(uri, "read"):
            try:
                with pa.BufferReader(storage.read_bytes(uri)) if whole else fs.open(path, "rb") as file:
                    yield file
            except OSError as error:
                if type(error) is OSError and error.errno is None:  # Arrow's; those of a storage have a number
                    raise _damaged(uri) from error
                raise
    except (FileNotFoundError, pa.ArrowException, ValueError) as error:
        raise _damaged(uri) from error


def _same_kind(found: pa.DataType, expected: pa.DataType) -> bool:
    return found.equals(expected) or (pa.types.is_fixed_size_binary(found) and pa.types.is_binary(expected))


def _damaged(uri: str) -> DamagedArtifactError:
    folder = uri.rsplit("/", 1)[0]
    return DamagedArtifactError(f"{uri} is missing or damaged: delete {folder} and run again to make it anew.")
