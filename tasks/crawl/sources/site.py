"""Crawls one site: a spider in a process of its own finds image references, which are then checked here."""

from typing import Any

from tasks.crawl.candidates import IMAGE_SCHEMES, MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS, Reference, Verdict, shard_of
from tasks.crawl.config import Config
from tasks.engine.child import Child
from tasks.engine.output import Shard

SPIDER = "tasks.crawl.sources.spider"


def crawl_site(config: Config, source: str, start_url: str) -> Shard:
    """The image references of one site, each a candidate or a reject with its reason.

    Raises:
        ChildFailedError: the spider ended before it was done.
    """
    found = _run_spider(config, start_url)
    references = [Reference(**row) for row in found["references"]]
    # Of equal references the one on the first page by URL is kept, whichever page was fetched first.
    references.sort(key=lambda reference: reference.page_url)
    if config.licence is not None:
        references = [_with_licence(reference, config.licence) for reference in references]
    forbidden = {url: Verdict(*verdict) for url, verdict in found["forbidden"].items()}

    def judge(reference: Reference) -> Verdict | None:
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
        return forbidden.get(reference.url)

    return shard_of(references, source, judge, found["counts"])


def _with_licence(reference: Reference, licence: str) -> Reference:
    return reference if reference.licence else Reference(**{**vars(reference), "licence": licence})


def _run_spider(config: Config, start_url: str) -> dict[str, Any]:
    job = {
        "start_url": start_url,
        "max_pages": config.max_pages,
        "max_depth": config.max_depth,
        "max_s": config.max_minutes * 60,
        "delay_s": 0.0 if config.is_demo else config.delay_s,
    }
    with Child(SPIDER) as spider:
        found: dict[str, Any] = spider.ask(job, f"The crawl of {start_url}")
    return found
