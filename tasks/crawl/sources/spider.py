"""Scrapy spider that collects image references from one site. Run as a child process, for one job.

A process of its own, because Twisted's reactor can be started only once in a process.
"""

import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy import signals
from scrapy.crawler import Crawler, CrawlerProcess
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request, Response
from scrapy.utils.asyncio import run_in_thread
from twisted.python.failure import Failure

from tasks.crawl.candidates import IMAGE_SCHEMES, MAX_URL_CHARACTERS
from tasks.crawl.sources.page import Page, PageTooDeepError, is_html, read_page
from tasks.engine.child import serve
from tasks.web.addresses import is_public_host
from tasks.web.connection import Limits
from tasks.web.download import Response as Downloaded
from tasks.web.download import download, retried
from tasks.web.host_rules import HostRules, staying_on
from tasks.web.opt_out import NOFOLLOW_DIRECTIVES, TDM, header_directives, opt_out
from tasks.web.refusals import RefusedError

PAGE_LIMITS = Limits(timeout_s=5, deadline_s=15, max_bytes=10_000_000)
ATTEMPTS = 2
PAGES_AT_ONCE = 8
HOSTS_AT_ONCE = 8
MAX_LINKS_KEPT = 200_000
MAX_CHARACTERS_KEPT = 50_000_000  # of all references together, which travel as one line of JSON
GRACE_S = 300  # between the end of the crawl's time and that of the process
COUNTS = (
    "pages_fetched", "pages_disallowed", "pages_failed", "pages_elsewhere", "pages_not_reached",
    "links_beyond_limit", "images_beyond_limit",
)  # fmt: skip


class Policy:
    """Fetches pages of one site, by the rules that hold for images too: tasks.web.download and tasks.web.host_rules."""

    def __init__(self, start_url: str, deadline: float) -> None:
        self.site = urlsplit(start_url).netloc
        self.deadline = deadline
        # The config may name a site on a private address. One on a public address must not lead to a private one later.
        private = not is_public_host(urlsplit(start_url).hostname or "")
        self.limits = replace(PAGE_LIMITS, allow_private_hosts=private)
        self.rules = HostRules(private_host=self.site if private else "", deadline=deadline)

    def fetch(self, url: str) -> Downloaded:
        """The page, if the site's rules allow it.

        Raises:
            RefusedError: as `download` and `HostRules.check_robots`; elsewhere, for a redirect to another host.
        """

        def attempt() -> Downloaded:
            if time.monotonic() > self.deadline:
                raise RefusedError("not_reached", "the time for the crawl is over")
            self.rules.check_robots(url)
            return download(url, self.limits, before_redirect=self._check_redirect, obey_opt_out=False)

        return retried(attempt, ATTEMPTS, PAGE_LIMITS.deadline_s)

    def _check_redirect(self, url: str) -> None:
        staying_on(self.site)(url)
        self.rules.check_robots(url)


class PolicyHandler:
    """Scrapy's downloader for http and https. Scrapy has none for other schemes here."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PolicyHandler":
        """Called by Scrapy."""
        return cls(crawler)

    async def download_request(self, request: Request) -> Response:
        """Called by Scrapy. The download itself is in the request's `meta`."""
        assert isinstance(self.crawler.spider, ImageSpider)
        begin = time.monotonic()
        answer = await run_in_thread(self.crawler.spider.policy.fetch, request.url)
        request.meta["answer"] = answer
        request.meta["download_latency"] = time.monotonic() - begin  # for the pause between two pages
        return Response(answer.url, request=request)

    async def close(self) -> None:
        """Called by Scrapy."""


class ImageSpider(scrapy.Spider):
    """Walks a site level by level: all pages of one depth, in the order of their URLs, before any of the next.

    The result therefore does not depend on the order of responses, even if a page or depth limit ends the crawl.
    """

    name = "images"

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__()
        self.job = job
        self.policy = Policy(job["start_url"], time.monotonic() + job["max_s"])
        self.asked = {job["start_url"]}
        self.next_level: set[str] = set()
        self.depth = 0
        self.found: list[dict[str, Any]] = []
        self.too_deep: dict[str, str] = {}  # why, by the URL of a page that was not read
        self.characters = 0
        self.cut_off = 0  # pages linked from a level that was full
        self.counts = dict.fromkeys(COUNTS, 0)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Called by Scrapy: requests the first page."""
        self.crawler.signals.connect(self.go_deeper, signal=signals.spider_idle)
        yield self.request(self.job["start_url"])

    def request(self, url: str) -> scrapy.Request:
        """The request for a page."""
        return scrapy.Request(url, callback=self.parse, errback=self.count_failure, dont_filter=True)

    def go_deeper(self) -> None:
        """Starts the next level once Scrapy has nothing left to do."""
        level = sorted(self.next_level)[: self.job["max_pages"] - len(self.asked)]
        self.depth += 1
        if level and self.depth <= self.job["max_depth"] and time.monotonic() < self.policy.deadline:
            self.cut_off += len(self.next_level) - len(level)
            self.next_level = set()
            self.asked.update(level)
            for url in level:
                self.crawler.engine.crawl(self.request(url))
            raise DontCloseSpider

    def count_failure(self, failure: Failure) -> None:
        """Counts a page that was not fetched, by reason."""
        reason = failure.value.reason if isinstance(failure.value, RefusedError) else ""
        if reason == "not_reached":
            return
        kind = {"robots_disallowed": "disallowed", "elsewhere": "elsewhere"}.get(reason, "failed")
        self.counts[f"pages_{kind}"] += 1

    def parse(self, response: Response, **_: Any) -> None:
        """Collects the images and the links of a page."""
        answer: Downloaded = response.meta["answer"]
        kind = answer.headers.get("Content-Type", "text/html")
        if not is_html(kind):
            self.counts["pages_fetched"] += 1
            return
        try:
            page = read_page(answer.url, answer.body, kind)
            said = page.directives | header_directives(answer.headers)
            reserved = {TDM} if self.policy.rules.is_reserved(answer.url) else set()
        except Exception as error:  # whatever a parser raises for bytes of a stranger
            self.counts["pages_failed"] += 1
            if isinstance(error, PageTooDeepError):
                self.too_deep[answer.url] = str(error)
            return
        self.counts["pages_fetched"] += 1
        self.note_images(page, opt_out(said | reserved))
        if not said & NOFOLLOW_DIRECTIVES:
            self.note_links(page)

    def note_images(self, page: Page, opted_out: str | None) -> None:
        """Adds the page's images to those found."""
        licence = page.resolve(page.licence) if page.licence else None
        self.counts["images_beyond_limit"] += page.images_beyond
        for image in page.images:
            url = page.resolve(image.url) if image.url else ""
            row = {"url": url, "alt": image.alt, "page_url": page.url, "licence": licence, "opted_out": opted_out}
            row["split"] = image.split
            self.characters += sum(len(value or "") for value in row.values())
            if self.characters > MAX_CHARACTERS_KEPT:
                self.counts["images_beyond_limit"] += 1
            else:
                self.found.append(row)

    def note_links(self, page: Page) -> None:
        """Adds the links within the site that are new to the next level."""
        self.counts["links_beyond_limit"] += page.links_beyond
        for reference in page.links:
            url = page.resolve(reference)
            if len(url) > MAX_URL_CHARACTERS or not _is_web(url) or url in self.asked:
                continue
            try:
                staying_on(self.policy.site)(url)
            except RefusedError:
                continue
            self.next_level.add(url)
        if len(self.next_level) > MAX_LINKS_KEPT:
            # The first by name stay, whatever the order of the pages.
            self.counts["links_beyond_limit"] += len(self.next_level) - MAX_LINKS_KEPT
            self.next_level = set(sorted(self.next_level)[:MAX_LINKS_KEPT])


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    return {
        # What a download may do is decided in one place, by Policy: Scrapy's own redirects (also those of a meta
        # element), cookies, compression, robots.txt and other schemes stay off.
        "DOWNLOADER_MIDDLEWARES_BASE": {},
        "DOWNLOAD_HANDLERS_BASE": {},
        "DOWNLOAD_HANDLERS": {"http": PolicyHandler, "https": PolicyHandler},
        # Ports of Scrapy's own that run what they are sent; the second also leaves a file in the home folder.
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOAD_DELAY": job["delay_s"],
        "AUTOTHROTTLE_ENABLED": job["delay_s"] > 0,
        "AUTOTHROTTLE_START_DELAY": job["delay_s"],
        "AUTOTHROTTLE_MAX_DELAY": max(15.0, job["delay_s"]),
        "CONCURRENT_REQUESTS": PAGES_AT_ONCE,
        "CONCURRENT_REQUESTS_PER_DOMAIN": PAGES_AT_ONCE,
        "CLOSESPIDER_TIMEOUT": job["max_s"],
    }


def _forbidden(rules: HostRules, urls: set[str]) -> dict[str, tuple[str, str | None]]:
    """Reason and detail for each of the image URLs that its host forbids."""

    def verdict(url: str) -> tuple[str, str | None] | None:
        try:
            rules.check(url)
        except RefusedError as refusal:
            return refusal.reason, refusal.detail
        return None

    with ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
        ordered = sorted(urls)
        verdicts = zip(ordered, pool.map(verdict, ordered), strict=True)
        return {url: verdict for url, verdict in verdicts if verdict is not None}


def _is_web(url: str) -> bool:
    return url.startswith(IMAGE_SCHEMES)


def crawl(job: dict[str, Any]) -> dict[str, Any]:
    """The image references of one site, which of their URLs are forbidden, pages not read, and counts of pages.

    Ends the process if that takes much longer than the job's `max_s`, whatever it hangs in.
    """
    signal.alarm(int(job["max_s"]) + GRACE_S)
    process = CrawlerProcess(_settings(job))
    crawler = process.create_crawler(ImageSpider)
    process.crawl(crawler, job=job)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, ImageSpider)
    counts = spider.counts
    ended = sum(counts[f"pages_{how}"] for how in ("fetched", "disallowed", "failed", "elsewhere"))
    # Those cut off by the limits on pages, depth and time, and those still waiting when the time was over.
    counts["pages_not_reached"] = spider.cut_off + len(spider.next_level) + len(spider.asked) - ended
    forbidden = _forbidden(spider.policy.rules, {row["url"] for row in spider.found if _is_web(row["url"])})
    return {
        "references": spider.found,
        "counts": counts,
        "forbidden": forbidden,
        "too_deep": spider.too_deep,
    }


if __name__ == "__main__":
    serve(crawl)
