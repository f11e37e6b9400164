"""LAION, DataComp and others of their kind: Parquet files with a column of addresses and one of captions."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks.crawl.lists.listed import ListSource, rows
from tasks.crawl.lists.parquet import opened
from tasks.errors import SourceError

ROWS_AT_ONCE = 50_000
URL_COLUMNS = ("url", "image_url")
CAPTION_COLUMNS = ("text", "caption", "alt", "alt_text")
LICENCE_COLUMNS = ("license", "licence")


class LAIONSource(ListSource):
    """Parquet files as LAION and DataComp publish them: an address, a caption and perhaps a licence in each row."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    kind: Literal["laion"] = "laion"
    url_column: str | None = Field(None, description="Column of addresses; if unset, url or image_url in any case.")
    caption_column: str | None = Field(None, description="Column of captions; if unset, text or caption in any case.")

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each row; a part of a row group is in memory at a time."""
        with opened(part) as file:
            url, caption, licence = self._columns(part, file.schema_arrow)
            first = 1
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[name for name in (url, caption, licence) if name]):
                known = {"url": batch[url].cast(pa.string()), "alt": batch[caption].cast(pa.string())}
                if licence is not None:
                    # LAION-400M writes a question mark where it knows none.
                    stated = batch[licence].cast(pa.string())
                    known["licence"] = pc.if_else(pc.equal(stated, "?"), pa.scalar(None, pa.string()), stated)
                yield rows("row", range(first, first + len(batch)), **known)
                first += len(batch)

    def _columns(self, part: str, schema: pa.Schema) -> tuple[str, str, str | None]:
        """Names of the columns of addresses, captions and licences.

        Raises:
            SourceError: there is none of addresses or none of captions.
        """
        found: list[str | None] = []
        for setting, named, usual in (
            ("url_column", self.url_column, URL_COLUMNS),
            ("caption_column", self.caption_column, CAPTION_COLUMNS),
            ("", None, LICENCE_COLUMNS),
        ):
            name = _column(schema, (named,) if named else usual, exactly=named is not None)
            if name is None and setting:
                wanted = named or " or ".join(usual[:2])
                raise SourceError(
                    f"{part} has no column of texts named {wanted}, only {', '.join(schema.names[:12])}: "
                    f"set {setting} in source.sources."
                )
            found.append(name)
        url, caption, licence = found
        assert url is not None
        assert caption is not None
        return url, caption, licence


def _column(schema: pa.Schema, names: Sequence[str], exactly: bool) -> str | None:
    """The first of the names that is a column of texts, as it is written in the schema."""
    for name in names:
        for field in schema:
            is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
            if is_text and (field.name if exactly else field.name.lower()) == name:
                return str(field.name)
    return None
