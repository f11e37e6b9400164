"""YFCC100M: photographs of Flickr with titles, descriptions and licences, as TSV of 25 columns, 23 in older files."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks.crawl.lists import tsv
from tasks.crawl.lists.listed import ListSource, rows

COLUMNS = 25
OLD_COLUMNS = 23  # without line number and hash, which stand first
HASH, TITLE, DESCRIPTION, PAGE, DOWNLOAD, LICENCE_URL, MARKER = 2, 8, 9, 15, 16, 18, 24
PHOTO = "0"
HTML_TAG = re.compile(r"<[^<>]*>")


class YFCCSource(ListSource):
    """YFCC100M, as published. A caption is the title and the description; videos are rejected.

    The images are those of the bucket `multimedia-commons`, or Flickr's own, of which many are gone by now.
    """

    suffixes: ClassVar[tuple[str, ...]] = (*tsv.SUFFIXES, ".bz2", ".gz")

    kind: Literal["yfcc"] = "yfcc"
    bucket: str | None = Field(
        "https://multimedia-commons.s3-us-west-2.amazonaws.com",
        description="Where images lie as data/images/HHH/HHH/HASH.jpg; null: at Flickr, as for rows without hash.",
    )

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A photograph or video of each line; the licence is its address."""
        for first, lines in tsv.lines(part):
            old = pc.equal(pc.count_substring(lines, "\t"), OLD_COLUMNS - 1)
            lines = pc.if_else(old, pc.binary_join_element_wise("\t\t", lines, ""), lines)
            columns, fault = tsv.cells(lines, COLUMNS)
            is_video = pc.and_(pc.is_null(fault), pc.not_equal(columns[MARKER], PHOTO))
            yield rows(
                "line",
                range(first, first + len(lines)),
                url=self._addresses(columns),
                alt=_captions(columns),
                page_url=columns[PAGE],
                licence=columns[LICENCE_URL],
                fault=fault,
                excluded=pc.if_else(is_video, "no_photo: a video", pa.scalar(None, pa.string())),
            )

    def _addresses(self, columns: list[pa.Array]) -> Any:
        if self.bucket is None:
            return columns[DOWNLOAD]
        digest = columns[HASH]
        path = pc.replace_substring_regex(digest, "^(...)(...)(.*)$", r"/data/images/\1/\2/\1\2\3.jpg")
        in_bucket = pc.binary_join_element_wise(self.bucket.rstrip("/"), path, "")
        return pc.if_else(pc.match_substring_regex(digest, "^[0-9a-f]{7,}$"), in_bucket, columns[DOWNLOAD])


def _captions(columns: list[pa.Array]) -> pa.Array:
    titles, descriptions = columns[TITLE].to_pylist(), columns[DESCRIPTION].to_pylist()
    return pa.array((f"{_plain(t)} {_plain(d)}" for t, d in zip(titles, descriptions, strict=True)), pa.string())


def _plain(text: str) -> str:
    """The text without URL encoding and elements of HTML, as Flickr's descriptions have them."""
    return HTML_TAG.sub(" ", unquote_plus(text)).strip() if text else ""
