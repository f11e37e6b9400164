"""Crawls one site: a spider in a process of its own finds image references, which are then checked here."""

from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tasks.crawl.candidates import IMAGE_SCHEMES, Reference, Verdict, shard_of, unusable
from tasks.crawl.sources.source import SourceConfig
from tasks.engine.child import Child
from tasks.engine.output import Shard
from tasks.settings import Settings
from tasks.web.download import without_credentials

SPIDER = "tasks.crawl.sources.spider"


class SiteSource(SourceConfig):
    """A live site, crawled as its robots.txt and its opt-outs allow."""

    is_live: ClassVar[bool] = True

    kind: Literal["site"] = "site"
    address: str = Field(description="Address of the site's first page.")
    max_pages: int = Field(1000, ge=1, description="Pages to fetch at most.")
    max_depth: int = Field(10, ge=0, description="Links to follow from the first page at most.")
    max_minutes: float = Field(60, gt=0, le=10_000, description="Time for the crawl at most.")
    delay_s: float = Field(0.5, ge=0, description="Pause between two pages; grows if the site answers slowly.")

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        shown = without_credentials(address)
        if shown != address:
            raise ValueError(f"'{shown}' was given with a user name or password: sites are crawled without one")
        if not address.startswith(IMAGE_SCHEMES):
            raise ValueError(f"'{address}' is no web address: it must start with http:// or https://")
        if not _has_host(address):
            raise ValueError(f"'{address}' is no web address: its host or port is not valid")
        return address

    def parts(self) -> list[str]:
        """The site as a whole."""
        return [self.address]

    def read(self, name: str, part: str, settings: Settings) -> Shard:
        """As `crawl_site`."""
        return crawl_site(self, name)

    def without_image(self, part: str, shard: Shard) -> str:
        """Says what became of the pages."""
        metrics = shard.metrics
        pages = f"{metrics['pages_fetched']} pages fetched, {metrics['pages_failed']} failed"
        if metrics["pages_elsewhere"]:
            pages += f", {metrics['pages_elsewhere']} redirected to another host, such as www."
        return f"No image was found at {part} ({pages}): check the address in source.sources."


def _has_host(address: str) -> bool:
    try:
        return bool(urlsplit(address).hostname) and urlsplit(address).port != 0
    except ValueError:
        return False


def crawl_site(site: SiteSource, name: str) -> Shard:
    """The image references of one site, each a candidate or a reject with its reason; a reject for a page not read.

    Args:
        name: value of the column `source`.

    Raises:
        ChildFailedError: the spider ended before it was done.
    """
    found = _run_spider(site)
    references = [Reference(**row) for row in found["references"]]
    # Of equal references the one on the first page by URL is kept, whichever page was fetched first.
    references.sort(key=lambda reference: reference.page_url)
    if site.licence is not None:
        references = [_with_licence(reference, site.licence) for reference in references]
    forbidden = {url: Verdict(*verdict) for url, verdict in found["forbidden"].items()}
    # Nobody knows which images such a page holds: the page stands in the account in their place.
    unread = {Reference(url, None, url): Verdict("page_too_deep", why) for url, why in found["too_deep"].items()}

    def judge(reference: Reference) -> Verdict | None:
        return unread.get(reference) or unusable(reference) or forbidden.get(reference.url)

    return shard_of([*references, *unread], name, judge, found["counts"])


def _with_licence(reference: Reference, licence: str) -> Reference:
    return reference if reference.licence else reference._replace(licence=licence)


def _run_spider(site: SiteSource) -> dict[str, Any]:
    job = {
        "start_url": site.address,
        "max_pages": site.max_pages,
        "max_depth": site.max_depth,
        "max_s": site.max_minutes * 60,
        "delay_s": site.delay_s,
    }
    with Child(SPIDER) as spider:
        found: dict[str, Any] = spider.ask(job, f"The crawl of {site.address}")
    return found
