"""From the tallies of the stages to the lists and distributions of the funnel's figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tasks.crawl.config import kind_of
from tasks.engine.artifact import Manifest
from tasks.evaluate.quantities import Histogram
from tasks.funnel.figures import Distributions, DomainRows, FunnelStep, HostFailures, LicenceRows, RefusedRows
from tasks.funnel.tally import EDGES, StageTally

if TYPE_CHECKING:
    from tldextract import TLDExtract

Name = TypeVar("Name", str, tuple[str, str])
FETCH, PACK = "fetch", "pack"
LOCAL = "local files"
AXES = {
    "caption_words": "words",
    "caption_characters": "characters",
    "shortest_side": "pixels",
    "aspect": "width / height",
}


def steps(manifests: Iterable[Manifest]) -> tuple[FunnelStep, ...]:
    """A step for each stage that counted rows."""
    return tuple(
        FunnelStep(
            stage=manifest.stage,
            unit=manifest.counts.unit,
            rows_in=manifest.counts.rows_in,
            rows_kept=manifest.counts.rows_out,
            refused=tuple(
                RefusedRows(reason=reason, rows=rows, share=rows / manifest.counts.rows_in)
                for reason, rows in _most(manifest.counts.rejected)
                if rows
            ),
        )
        for manifest in manifests
        if manifest.counts.rows_in
    )


def hosts(tallies: Mapping[str, StageTally], top: int) -> tuple[HostFailures, ...]:
    """The hosts with the most failed downloads."""
    fetch = tallies.get(FETCH)
    if fetch is None:
        return ()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for (reason, host), rows in fetch.refused_hosts.counts().items():
        reasons[host or LOCAL][reason] += rows
    fetched = Counter[str]()
    for (_, host), rows in fetch.kept_hosts.counts().items():
        fetched[host or LOCAL] += rows
    failed = {host: each.total() for host, each in reasons.items()}
    return tuple(
        HostFailures(host=host, tried=fetched[host] + rows, failed=rows, reasons=dict(_most(reasons[host])))
        for host, rows in _most(failed)[:top]
    )


def domains(tallies: Mapping[str, StageTally], top: int) -> tuple[DomainRows, ...]:
    """The registered domains with the most images of each kind of source."""
    found, kept = (_by_domain(tallies, stage) for stage in (_first(tallies), PACK))
    listed: list[DomainRows] = []
    for kind in dict.fromkeys(kind for (kind, _), _ in _most(found)):
        of_kind = {name: rows for name, rows in found.items() if name[0] == kind}
        listed += [
            DomainRows(kind=kind, domain=domain, found=rows, kept=kept[kind, domain])
            for (kind, domain), rows in _most(of_kind)[:top]
        ]
    return tuple(listed)


def licences(tallies: Mapping[str, StageTally], top: int) -> tuple[LicenceRows, ...]:
    """The licences of each source with the most images."""
    found, kept = (
        Counter(tallies[stage].licences.counts() if stage in tallies else {}) for stage in (_first(tallies), PACK)
    )
    named = {(source, licence or ""): rows for (source, licence), rows in found.items()}
    return tuple(
        LicenceRows(
            source=source,
            kind=kind_of(source),
            licence=licence or None,
            found=rows,
            kept=kept[source, licence or None],
        )
        for (source, licence), rows in _most(named)[:top]
    )


def languages(tallies: Mapping[str, StageTally], top: int) -> dict[str, int]:
    """The languages of most captions that were refused as not English."""
    found: Counter[str] = Counter()
    for tally in tallies.values():
        found.update(tally.languages)
    return dict(_most(found)[:top])


def distributions(tallies: Mapping[str, StageTally]) -> Distributions:
    """Of each measure, the rows of the first stage that has it, and those packed; bins are left out at empty ends."""
    packed = tallies[PACK].bins if PACK in tallies else {}
    drawn = {}
    for name, edges in EDGES.items():
        first = next((tally.bins[name] for tally in tallies.values() if name in tally.bins), None)
        if first is not None:
            word = "found" if name.startswith("caption") else "fetched"
            counts = {word: first} | ({"packed": packed[name]} if name in packed else {})
            used = np.flatnonzero(sum(counts.values()))
            start, stop = (max(used[0] - 1, 0), used[-1] + 2) if used.size else (0, len(edges))
            drawn[name] = Histogram(
                x_name=AXES[name],
                edges=tuple(edges[start : stop + 1].tolist()),
                counts={label: tuple(values[start:stop].tolist()) for label, values in counts.items()},
                log_x=name in ("shortest_side", "aspect"),
            )
    return Distributions(**drawn)


def registered_domain(host: str) -> str:
    """`example.co.uk` of `images.example.co.uk`, by the public suffix list that tldextract brings along."""
    return _extract()(host).top_domain_under_public_suffix or host or LOCAL


@cache
def _extract() -> "TLDExtract":
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)  # asks no server and writes no file


def _first(tallies: Mapping[str, StageTally]) -> str:
    return next(iter(tallies), PACK)


def _by_domain(tallies: Mapping[str, StageTally], stage: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for (source, host), rows in tallies[stage].kept_hosts.counts().items() if stage in tallies else ():
        found[kind_of(source), registered_domain(host)] += rows
    return found


def _most(counts: Mapping[Name, int]) -> list[tuple[Name, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
