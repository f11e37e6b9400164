"""Wikipedia-based Image Text (WIT): images of Wikipedia's pages with three kinds of captions, as TSV with a header."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks.crawl.lists import quoted, tsv
from tasks.crawl.lists.listed import ListSource, rows

COLUMNS = (
    "language", "page_url", "image_url", "page_title", "section_title", "hierarchical_section_title",
    "caption_reference_description", "caption_attribution_description", "caption_alt_text_description", "mime_type",
    "original_height", "original_width", "is_main_image", "attribution_passes_lang_id", "page_changed_recently",
    "context_page_description", "context_section_description",
)  # fmt: skip
READ = ("language", "page_url", "image_url", *(name for name in COLUMNS if name.startswith("caption_")))
CaptionKind = Literal["reference", "alt_text", "attribution"]
LANGUAGE_PREFIX = r"^[A-Z][A-Za-z]*( [A-Z][a-z]*)?: "  # of attributions: "English: A cat"


class WITSource(ListSource):
    """WIT, as published. One caption of each row: the first there is of those asked for."""

    suffixes: ClassVar[tuple[str, ...]] = tsv.SUFFIXES

    kind: Literal["wit"] = "wit"
    languages: tuple[str, ...] = Field(("en",), description="Languages of the pages, such as en; empty for all.")
    captions: tuple[CaptionKind, ...] = Field(
        ("reference", "alt_text", "attribution"), min_length=1, description="Kinds of captions, the best first."
    )

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each row but the header."""
        for numbers, found in quoted.rows(part, len(COLUMNS)):
            if numbers[0] == 1 and found[0].as_py() == "\t".join(COLUMNS):
                numbers, found = numbers[1:], found[1:]
            cells, fault = tsv.cells(found, len(COLUMNS))
            columns = {name: cells[COLUMNS.index(name)] for name in READ}
            yield rows(
                "line",
                numbers,
                url=columns["image_url"],
                alt=self._caption(columns),
                page_url=columns["page_url"],
                fault=fault,
                excluded=self._other_language(columns["language"]),
            )

    def _caption(self, columns: dict[str, Any]) -> Any:
        nothing = pa.scalar(None, pa.string())
        texts = [pc.utf8_trim_whitespace(columns[f"caption_{kind}_description"]) for kind in self.captions]
        if "attribution" in self.captions:
            place = self.captions.index("attribution")
            texts[place] = pc.replace_substring_regex(texts[place], LANGUAGE_PREFIX, "")
        return pc.coalesce(*[pc.if_else(pc.equal(text, ""), nothing, text) for text in texts])

    def _other_language(self, found: Any) -> Any:
        nothing = pa.scalar(None, pa.string())
        if not self.languages:
            return pa.nulls(len(found), pa.string())
        wanted = pc.is_in(found, pa.array(self.languages, pa.string()))
        return pc.if_else(wanted, nothing, pc.binary_join_element_wise("other_language: ", found, ""))
