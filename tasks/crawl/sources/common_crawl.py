"""Common Crawl: archives of web pages, WARC or WAT, whose images with alt texts are judged as those of a live site."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import pyarrow as pa
from pydantic import Field

from tasks import schemas
from tasks.crawl.archives.warc import COMMON_CRAWL, ArchiveReport, archives, references
from tasks.crawl.archives.warc_html import ImagesWanted
from tasks.crawl.archives.warc_records import Damage
from tasks.crawl.candidates import Reference, Verdict, candidate, pair_id, reject, unusable
from tasks.crawl.lists.files import LICENCES, FilesSource, file_name, shard_files
from tasks.crawl.splits import split_of
from tasks.engine.output import Shard
from tasks.errors import SourceError
from tasks.settings import Settings

ROWS_AT_ONCE = 2_000
PAIRS_REMEMBERED = 2_000_000  # of an archive, 70 bytes each; an archive of Common Crawl has half a million


class WARCSource(FilesSource):
    """Archives as Common Crawl publishes them, WARC or WAT, or a list of their paths; an archive is read by one worker.

    A page's opt-outs and licence count as on a live site; what the hosts of the images forbid is asked when they are
    fetched. A row in is an image with a text, or a damaged place. Images without one are most of the web's, and are
    counted in the metric `images_without_alt` alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".warc.gz", ".wat.gz", ".warc", ".wat")

    kind: Literal["warc"] = "warc"
    figcaption: bool = Field(False, description="Take the caption of its figure for an image without alt text.")

    def parts(self) -> list[str]:
        """The archives: the file, those of the folder, or those named in a list such as warc.paths.gz."""
        found = [archive for path in super().parts() for archive in archives(path)]
        if not found:
            raise SourceError(f"{self.path} names no archive: check source.sources.")
        return found

    def content_of(self, part: str) -> str:
        """As of any file; but what Common Crawl has published stays as it is, and its lists name tens of thousands."""
        return part if part.startswith(COMMON_CRAWL) else super().content_of(part)

    def read(self, name: str, part: str, settings: Settings) -> Shard:
        """The candidates and rejects of an archive, in the order of its records.

        Of those with equal URL, alt text and stated split the first is kept. A damaged place, of which the first 100
        are named, is a reject too. Metrics: those of `ArchiveReport`.

        Raises:
            SourceError: there is no such file, or no record of it can be read.
            StorageError: the disk or the network failed.
        """
        report = ArchiveReport()
        found = references(part, report, ImagesWanted(without_alt=False, figcaption=self.figcaption))
        seen: set[int] = set()
        rows_in = 0
        with shard_files(settings) as (candidates, rejects):
            while batch := list(islice(found, ROWS_AT_ONCE)):
                kept, refused = self._judged(name, batch, seen)
                candidates.add(pa.Table.from_pylist(kept, schemas.CANDIDATES))
                rejects.add(pa.Table.from_pylist(refused, schemas.REJECTS))
                rows_in += len(batch)
            if report.damage.count and not report.records:
                raise SourceError(
                    f"{part} is damaged or no WARC ({report.damage.places[0]}): get it again, or check its kind in "
                    "source.sources."
                )
            rejects.add(pa.Table.from_pylist(_damaged(name, part, report.damage), schemas.REJECTS))
            rows_in += len(report.damage.places)
        return Shard(rows_in, {"candidates": candidates}, rejects, report.metrics())

    def without_image(self, part: str, shard: Shard) -> str:
        """Says what the archive holds instead."""
        metrics = shard.metrics
        held = f"{metrics['records']:.0f} records, {metrics['pages']:.0f} pages"
        return (
            f"{part} holds no image with a text ({held}, {metrics['images_without_alt']:.0f} images without): "
            "check source.sources."
        )

    def _judged(
        self, source: str, batch: Iterable[Reference], seen: set[int]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of the candidates and of the rejects. `seen` holds the pairs that were kept before, and is added to."""
        kept: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        for reference in batch:
            if self.licence and not reference.licence:
                reference = reference._replace(licence=self.licence)
            name = pair_id(reference.url, reference.alt or "")
            split = split_of((reference.split, self.split))
            # What a duplicate states is not lost: later stages give all rows of a URL one split.
            key = int(name if split is None else pair_id(name, split), 16)
            verdict = unusable(reference) or self._excluded(reference.licence)
            if verdict is None and key in seen:
                verdict = Verdict("duplicate", "of one before it in the archive")
            if verdict is not None:
                rejected.append(reject(name, reference, verdict))
                continue
            kept.append(candidate(name, reference, source, split))
            if len(seen) < PAIRS_REMEMBERED:  # duplicates beyond are found when images are compared
                seen.add(key)
        return kept, rejected

    def _excluded(self, licence: str | None) -> Verdict | None:
        if licence and any(re.search(LICENCES[term], licence) for term in self.exclude_licences):
            return Verdict("licence_excluded", licence)
        return None


def _damaged(source: str, part: str, damage: Damage) -> list[dict[str, Any]]:
    """Rejects that name the places of an archive that could not be read."""
    url = f"{source}:///{quote(file_name(part))}"
    return [
        reject(pair_id(url, place), Reference(url, None, url), Verdict("damaged_record", f"{file_name(part)}: {place}"))
        for place in damage.places
    ]
