"""Sources that are files listing addresses of images with captions: checked as columns, every row accounted for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.crawl.candidates import MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS, pair_id
from tasks.crawl.lists.files import LICENCES, FilesSource, file_name, shard_files
from tasks.engine.output import Shard
from tasks.errors import SourceError
from tasks.settings import Settings

# What a kind reads: a row of its files each. `fault` says why the row cannot be used as its format demands; `excluded`,
# as "reason: detail", why it is not wanted.
ROWS = pa.schema(
    [
        pa.field("place", pa.string(), nullable=False),  # "line 3"
        pa.field("url", pa.string()),
        pa.field("alt", pa.string()),
        pa.field("page_url", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("split", pa.string()),  # train | validation
        pa.field("fault", pa.string()),
        pa.field("excluded", pa.string()),
    ]
)
# What a file of another kind gives.
UNUSABLE = {"malformed_row", "bad_url", "missing_alt", "alt_too_long"}
UNUSABLE |= {"no_image", "no_caption", "unsafe_member", "damaged_record"}


class ListSource(FilesSource):
    """Base of the kinds that are files listing addresses of images with captions.

    Attributes:
        address: pattern of the addresses that can be used; `unusable_address` says what the others are.
    """

    address: ClassVar[str] = r"^https?://[^/\s]+[^\s]*$"
    unusable_address: ClassVar[str] = "no web address: "

    def batches(self, part: str) -> Iterator[pa.Table]:
        """The rows of a file in order, in tables of the schema ROWS that fit into memory.

        Raises:
            SourceError: the file is damaged, or no such file at all.
        """
        raise NotImplementedError

    def read(self, name: str, part: str, settings: Settings) -> Shard:
        """The candidates and rejects of a file.

        Raises:
            SourceError: the file is damaged, or none of its rows is one of this kind.
        """
        reasons: Counter[str] = Counter()
        example = ""
        with shard_files(settings) as (candidates, rejects):
            for batch in self.batches(part):
                kept, refused = self._judged(name, part, batch)
                candidates.add(kept)
                rejects.add(refused)
                reasons.update(refused["reason"].to_pylist())
                example = example or next(iter(refused["detail"].slice(0, 1).to_pylist()), "")
            if reasons and not candidates.num_rows and reasons.keys() <= UNUSABLE:
                raise SourceError(
                    f"No row of {part} is a pair as in {self.kind} ({example}): check its kind in source.sources."
                )
        return Shard(candidates.num_rows + rejects.num_rows, {"candidates": candidates}, rejects)

    def _judged(self, name: str, part: str, batch: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The candidates and the rejects of a batch."""
        # Without a user name and password, which no page's image keeps either.
        urls = pc.replace_substring_regex(_trimmed(batch["url"]), r"^(https?://)[^/?#]*@", r"\1")
        alts = _trimmed(batch["alt"])
        licences = pc.coalesce(_trimmed(batch["licence"]), pa.scalar(self.licence, pa.string()))
        root = self._root(name, part)
        pages = pc.binary_join_element_wise(f"{root}#", pc.replace_substring(batch["place"], " ", "%20"), "")
        reasons, details = self._verdicts(batch, urls, alts, licences)
        urls = pc.utf8_slice_codeunits(pc.fill_null(urls, ""), 0, MAX_URL_CHARACTERS + 1)
        alts = pc.utf8_slice_codeunits(alts, 0, MAX_ALT_CHARACTERS + 1)
        names = map(pair_id, urls.to_pylist(), pc.fill_null(alts, "").to_pylist())
        nothing = pa.nulls(batch.num_rows, pa.string())
        table = pa.table({
            "pair_id": pa.array(names, pa.string()),
            "url": urls,
            "alt": alts,
            "page_url": pc.coalesce(_trimmed(batch["page_url"]), pages),
            "source": pc.fill_null(nothing, name),
            "licence": licences,
            "split": pc.fill_null(nothing, self.split) if self.split else batch["split"],
        })  # fmt: skip
        details = pc.binary_join_element_wise(f"{file_name(part)} ", batch["place"], ": ", details, "")
        candidates = table.filter(pc.is_null(reasons)).cast(schemas.CANDIDATES)
        return candidates, schemas.rejects(table.rename_columns({"alt": "caption"}), reasons, details)

    def _root(self, name: str, part: str) -> str:
        """What the addresses of places in a file begin with."""
        return f"{name}:///{quote(file_name(part))}"

    def _verdicts(self, batch: pa.Table, urls: Any, alts: Any, licences: Any) -> tuple[Any, Any]:
        """For each row the first reason to reject it with the value that decided, or two nulls."""
        start = pc.utf8_slice_codeunits(pc.fill_null(urls, ""), 0, 60)
        excluded = batch["excluded"]
        checks: list[tuple[Any, Any, Any]] = [
            ("malformed_row", pc.is_valid(batch["fault"]), batch["fault"]),
            (
                pc.replace_substring_regex(excluded, "(?s):.*", ""),
                pc.is_valid(excluded),
                pc.replace_substring_regex(excluded, "^[^:]*: ", ""),
            ),
            ("bad_url", pc.is_null(urls), "no address"),
            (
                "bad_url",
                pc.invert(pc.match_substring_regex(urls, self.address)),
                pc.binary_join_element_wise(self.unusable_address, start, ""),
            ),
            (
                "bad_url",
                pc.greater(pc.utf8_length(urls), MAX_URL_CHARACTERS),
                f"more than {MAX_URL_CHARACTERS} characters",
            ),
            ("missing_alt", pc.is_null(alts), "no caption"),
            (
                "alt_too_long",
                pc.greater(pc.utf8_length(alts), MAX_ALT_CHARACTERS),
                f"more than {MAX_ALT_CHARACTERS} characters",
            ),
        ]
        for term in self.exclude_licences:
            checks.append(("licence_excluded", pc.match_substring_regex(licences, LICENCES[term]), licences))
        reasons: Any = pa.nulls(batch.num_rows, pa.string())
        details: Any = reasons
        for reason, refused, detail in checks:
            first = pc.and_(pc.is_null(reasons), pc.fill_null(refused, False))
            reasons, details = pc.if_else(first, reason, reasons), pc.if_else(first, detail, details)
        return reasons, details


def rows(places: str, numbers: Sequence[int], **columns: Any) -> pa.Table:
    """A table of the schema ROWS.

    Args:
        places: what rows are called where they lie: line or row.
        numbers: those of the rows.
        columns: those that are known; others are null.
    """
    named = pc.cast(pa.array(numbers, pa.int64()), pa.string())
    columns["place"] = pc.binary_join_element_wise(f"{places} ", named, "")
    arrays = [columns.get(field.name, pa.nulls(len(numbers), pa.string())) for field in ROWS]
    return pa.table(arrays, names=ROWS.names).cast(ROWS)


def _trimmed(texts: Any) -> Any:
    """The texts without white space around them; null if there is nothing else."""
    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
