"""Finds the rows of a table that have been taken down, by their addresses and by what their images contain."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.engine import storage
from tasks.takedown.takedowns import Takedown
from tasks.web.urls import host_in, host_key, hosts, url_key

ADDRESSES = ("url", "page_url")  # columns that are compared with addresses and domains
IMAGE, ORIGINAL = "image", "original_sha256"


class Matcher:
    """Compares rows with takedowns. Of several that match a row the first counts, so that a later one changes nothing.

    Attributes:
        needs_images: whether there is a digest to compare images with.
    """

    def __init__(self, takedowns: Sequence[Takedown]) -> None:
        first: dict[tuple[str, str], int] = {}
        for number, each in enumerate(takedowns):
            first.setdefault((each.kind, _compared(each)), number)
        of_kind = {kind: {value: n for (k, value), n in first.items() if k == kind} for kind in ("url", "domain")}
        self._urls, self._domains = of_kind["url"], of_kind["domain"]
        self._digests = {value: n for (kind, value), n in first.items() if kind == "sha256"}
        self._hosts = {host_in(url) for url in self._urls}

    @property
    def needs_images(self) -> bool:
        return bool(self._digests)

    def columns(self, known: Sequence[str], images: bool = True) -> list[str]:
        """Those of the known columns that have to be read."""
        contents = ((ORIGINAL, IMAGE) if images else (ORIGINAL,)) if self.needs_images else ()
        wanted = (*ADDRESSES, *contents)
        return [name for name in wanted if name in known]

    def matches(self, table: pa.Table) -> dict[int, int]:
        """Number of the takedown for each row that one matches, by the columns the table has."""
        found: dict[int, int] = {}
        for name in table.column_names:
            if name in ADDRESSES:
                _keep_first(found, self._by_address(table[name].combine_chunks()))
        if self._digests and ORIGINAL in table.column_names:
            _keep_first(found, self._by_digest(table[ORIGINAL].to_pylist()))
        if self._digests and IMAGE in table.column_names:
            images = table[IMAGE].to_pylist()
            _keep_first(found, self._by_digest(storage.sha256(image) if image is not None else "" for image in images))
        return found

    def _by_address(self, urls: pa.Array) -> dict[int, int]:
        """Only rows whose host some takedown names are looked at one by one."""
        written = hosts(urls)
        keys = {host: host_key(host) for host in pc.unique(written).to_pylist() if host is not None}
        domains = {host: self._by_domain(key) for host, key in keys.items()}
        named = [host for host, key in keys.items() if domains[host] is not None or key in self._hosts]
        found = {}
        for row in pc.indices_nonzero(pc.is_in(written, value_set=pa.array(named, pa.string()))).to_pylist():
            host = written[row].as_py()
            url = self._urls.get(url_key(urls[row].as_py())) if keys[host] in self._hosts else None
            if known := [number for number in (domains[host], url) if number is not None]:
                found[row] = min(known)
        return found

    def _by_domain(self, host: str) -> int | None:
        labels = host.split(".")
        above = (".".join(labels[start:]) for start in range(len(labels)))
        return min((self._domains[domain] for domain in above if domain in self._domains), default=None)

    def _by_digest(self, digests: Iterable[str]) -> dict[int, int]:
        return {row: self._digests[digest] for row, digest in enumerate(digests) if digest in self._digests}


def _compared(takedown: Takedown) -> str:
    """Its value as rows are compared with it; the record can be edited by hand."""
    match takedown.kind:
        case "url":
            return url_key(takedown.value)
        case "domain":
            return host_key(takedown.value)
        case "sha256":
            return takedown.value.lower()


def _keep_first(found: dict[int, int], others: Mapping[int, int]) -> None:
    for row, number in others.items():
        found[row] = min(number, found.get(row, number))
