"""Sorts the images that a source refers to into the table of candidates and the table of rejects."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from tasks import schemas
from tasks.crawl.splits import split_of
from tasks.engine import storage
from tasks.engine.output import Shard

IMAGE_SCHEMES = ("http://", "https://")
MAX_ALT_CHARACTERS = 10_000
MAX_URL_CHARACTERS = 4_000


class Reference(NamedTuple):
    """An image as its source names it: an `img` element of a page, or a file of a folder. `alt` may be missing."""

    url: str
    alt: str | None
    page_url: str
    licence: str | None = None
    opted_out: str | None = None  # the page's opt-out directive, such as noai, if it has one
    split: str | None = None  # train or validation, where it is stated


@dataclass(frozen=True)
class Verdict:
    """Why a reference is rejected: a short stable code, and the value that decided."""

    reason: str
    detail: str | None = None


def pair_id(url: str, alt: str) -> str:
    """16 hex digits that identify a URL with its alt text: the start of the SHA-256 of both."""
    return storage.sha256(f"{url}\n{alt}".encode(errors="replace"))[:16]


def unusable(reference: Reference) -> Verdict | None:
    """Why a reference that a page holds cannot be used, by itself and by its page; None if it can."""
    if not reference.url.startswith(IMAGE_SCHEMES):
        return Verdict("bad_url", reference.url.split(":")[0][:20] if ":" in reference.url else "no address")
    if len(reference.url) > MAX_URL_CHARACTERS:
        return Verdict("bad_url", f"more than {MAX_URL_CHARACTERS} characters")
    if not (reference.alt or "").strip():
        return Verdict("missing_alt")
    if len(reference.alt or "") > MAX_ALT_CHARACTERS:
        return Verdict("alt_too_long", f"more than {MAX_ALT_CHARACTERS} characters")
    if reference.opted_out is not None:
        return Verdict("opted_out", reference.opted_out)
    return None


def shard_of(
    references: Sequence[Reference],
    source: str,
    judge: Callable[[Reference], Verdict | None],
    metrics: dict[str, float],
) -> Shard:
    """Sorts references into candidates and rejects. Of those with equal URL and alt text the first is kept.

    An image that is stated to be held out anywhere in the source, also in a reject, is held out with all its texts.

    Args:
        source: value of the column of that name.
        judge: why a reference is rejected, or None.
        metrics: those of the shard.
    """
    kept: dict[str, dict[str, Any]] = {}
    rejected: list[dict[str, Any]] = []
    stated: dict[str, set[str]] = defaultdict(set)
    for reference in references:
        if reference.split is not None:
            stated[reference.url].add(reference.split)
    for reference in references:
        name = pair_id(reference.url, reference.alt or "")
        verdict = judge(reference)
        if verdict is None and name in kept:
            verdict = Verdict("duplicate", f"first on {kept[name]['page_url']}")
        if verdict is None:
            kept[name] = candidate(name, reference, source, split_of(stated.get(reference.url, ())))
        else:
            rejected.append(reject(name, reference, verdict))
    rejected.sort(key=lambda row: (row["pair_id"], row["reason"], row["detail"] or ""))
    candidates = pa.Table.from_pylist(sorted(kept.values(), key=lambda row: row["pair_id"]), schemas.CANDIDATES)
    rejects = pa.Table.from_pylist(rejected, schemas.REJECTS)
    return Shard(len(kept) + len(rejected), {"candidates": candidates}, rejects, metrics)


def candidate(name: str, reference: Reference, source: str, split: str | None) -> dict[str, Any]:
    """The row of the table of candidates; `name` is its `pair_id`."""
    return {
        "pair_id": name,
        "url": reference.url,
        "alt": reference.alt,
        "page_url": reference.page_url,
        "source": source,
        "licence": reference.licence,
        "split": split,
    }


def reject(name: str, reference: Reference, verdict: Verdict) -> dict[str, Any]:
    """The row of the table of rejects; `name` is its `pair_id`."""
    return {
        "pair_id": name,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "url": reference.url,
        "caption": reference.alt,
    }
