"""Hugging Face data sets as Parquet: pictures in a column of structs of bytes and path, as `datasets` writes them."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from tasks.crawl.caption_files.tables import CAPTION_COLUMNS
from tasks.crawl.lists.listed import rows
from tasks.crawl.lists.parquet import opened
from tasks.crawl.packed.packed_source import PackedSource, too_large
from tasks.crawl.splits import split_named
from tasks.errors import SourceError
from tasks.web.refusals import RefusedError

ROWS_AT_ONCE = 10_000
PICTURES_AT_ONCE = 16
BUFFER_BYTES = 2**20  # else a whole column of a row group is in memory
IMAGE_COLUMNS = ("image", "jpg", "jpeg", "png", "webp", "img")  # of encoded pictures without a struct
LICENCE_COLUMNS = ("license", "licence")
PLACE = "#row="


class HuggingFaceSource(PackedSource):
    """Parquet files with pictures, as `datasets` writes and the hub converts them; of img2dataset's Parquet too.

    A row is a picture with one caption, or several in a list. Of the columns license, split and url the licence, the
    split and the page are taken.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    kind: Literal["huggingface"] = "huggingface"
    image_column: str | None = Field(None, description="Column of pictures; if unset, the first that holds some.")
    caption_column: str | None = Field(None, description="Column of captions; if unset, caption, text and so on.")

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each caption of each row. Pictures are not read."""
        with opened(part, BUFFER_BYTES) as file:
            schema = file.schema_arrow
            self._images(part, schema)
            caption = self._captions(part, schema)
            named = {"licence": LICENCE_COLUMNS, "page_url": ("url",), "split": ("split",)}
            columns = {name: found for name, wanted in named.items() if (found := _first(schema, wanted, _is_text))}
            first = 1
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[caption, *columns.values()]):
                known = {name: batch[column].cast(pa.string()) for name, column in columns.items()}
                yield _table(batch[caption], known, first)
                first += len(batch)

    def pictures(self, part: str, places: Sequence[str], max_bytes: int) -> Iterator[tuple[str, bytes | RefusedError]]:
        """Those of the rows that the places name, from the row groups that hold some, a few rows at a time."""
        wanted = {int(place.removeprefix(PLACE)) - 1: place for place in places}
        with opened(part, BUFFER_BYTES) as file:
            column = self._images(part, file.schema_arrow)
            start = 0
            for group in range(file.num_row_groups):
                after = start + file.metadata.row_group(group).num_rows
                inside = sorted(row for row in wanted if start <= row < after)
                batches = file.iter_batches(PICTURES_AT_ONCE, row_groups=[group], columns=[column])
                while inside:
                    batch = next(batches)
                    while inside and inside[0] < start + len(batch):
                        row = inside.pop(0)
                        yield wanted[row], _content(batch.column(0)[row - start].as_py(), max_bytes)
                    start += len(batch)
                start = after

    def _images(self, part: str, schema: pa.Schema) -> str:
        """The column of pictures, or the field of it that is their bytes.

        Raises:
            SourceError: there is none.
        """
        for field in schema:
            if self.image_column is None or field.name == self.image_column:
                if _is_struct_of_bytes(field.type):
                    return f"{field.name}.bytes"
                if _is_bytes(field.type) and (self.image_column or field.name.lower() in IMAGE_COLUMNS):
                    return str(field.name)
        wanted = f" named {self.image_column}" if self.image_column else ""
        raise SourceError(
            f"{part} has no column of pictures{wanted} (bytes, or a struct of bytes and path), only "
            f"{_names(schema)}: set image_column in source.sources, or its kind to laion if it lists addresses."
        )

    def _captions(self, part: str, schema: pa.Schema) -> str:
        """The column of captions.

        Raises:
            SourceError: there is none.
        """
        wanted = (self.caption_column,) if self.caption_column else CAPTION_COLUMNS
        found = _first(schema, wanted, lambda kind: _is_text(kind) or _is_list_of_texts(kind))
        if found is None:
            raise SourceError(
                f"{part} has no column of texts, or of lists of texts, named {' or '.join(wanted[:3])}, only "
                f"{_names(schema)}: set caption_column in source.sources."
            )
        return found


def _table(captions: pa.Array, known: dict[str, pa.Array], first: int) -> pa.Table:
    """The rows of the schema ROWS; a list of captions is a row for each different one of them, or for none."""
    numbers, texts = [], []
    for number, value in enumerate(captions.to_pylist()):
        several = [text.strip() for text in (value if isinstance(value, list) else [value]) if text is not None]
        for text in dict.fromkeys(filter(None, several)) or [None]:
            numbers.append(number)
            texts.append(text)
    table = rows("row", range(first, first + len(captions)), **known).take(pa.array(numbers, pa.int64()))
    places = [PLACE + place.removeprefix("row ") for place in table["place"].to_pylist()]
    splits = [split_named(text or "") for text in table["split"].to_pylist()]
    for column, values in {"url": places, "alt": texts, "split": splits}.items():
        table = table.set_column(table.schema.get_field_index(column), column, pa.array(values, pa.string()))
    return table


def _content(value: bytes | dict[str, bytes] | None, max_bytes: int) -> bytes | RefusedError:
    content = value["bytes"] if isinstance(value, dict) else value
    if not content:
        return RefusedError("no_image", "the row holds no bytes of a picture")
    return content if len(content) <= max_bytes else too_large(len(content))


def _first(schema: pa.Schema, names: Sequence[str], fits: Callable[[pa.DataType], bool]) -> str | None:
    """The column of the first of the names, in any case, whose type fits."""
    for name in names:
        for field in schema:
            if field.name.lower() == name.lower() and fits(field.type):
                return str(field.name)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list_of_texts(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return is_list and _is_text(kind.value_type)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_struct_of_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)


def _names(schema: pa.Schema) -> str:
    return ", ".join(schema.names[:12])
