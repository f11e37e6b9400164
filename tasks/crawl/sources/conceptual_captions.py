"""Conceptual Captions (CC3M) and Conceptual 12M (CC12M): lines of a caption and an address, or the other way round."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import pyarrow as pa

from tasks.crawl.lists import tsv
from tasks.crawl.lists.listed import ListSource, rows


class _TwoColumns(ListSource):
    suffixes: ClassVar[tuple[str, ...]] = tsv.SUFFIXES
    order: ClassVar[tuple[str, str]]

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each line."""
        for first, lines in tsv.lines(part):
            columns, fault = tsv.cells(lines, len(self.order))
            numbers = range(first, first + len(lines))
            yield rows("line", numbers, fault=fault, **dict(zip(self.order, columns, strict=True)))


class CC3MSource(_TwoColumns):
    """Conceptual Captions, as published: TSV without header, caption and address."""

    order: ClassVar[tuple[str, str]] = ("alt", "url")

    kind: Literal["cc3m"] = "cc3m"


class CC12MSource(_TwoColumns):
    """Conceptual 12M, as published: TSV without header, address and caption."""

    order: ClassVar[tuple[str, str]] = ("url", "alt")

    kind: Literal["cc12m"] = "cc12m"
