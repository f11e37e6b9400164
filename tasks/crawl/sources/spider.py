"""Scrapy spider that collects image references from one site. Run as a child process, for one job.

A process of its own, because Twisted's reactor can be started only once in a process.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from scrapy.http import HtmlResponse, Response
from scrapy.linkextractors import LinkExtractor
from twisted.python.failure import Failure
from w3lib.url import safe_url_string

from tasks.crawl.candidates import IMAGE_SCHEMES
from tasks.crawl.robots import ask_hosts, forbids
from tasks.engine.child import serve
from tasks.web.download import OPT_OUT_DIRECTIVES, USER_AGENT


class ImageSpider(scrapy.Spider):
    """Walks a site level by level: all pages of one depth, in the order of their URLs, before any of the next.

    The result therefore does not depend on the order of responses, even if a page or depth limit ends the crawl.
    """

    name = "images"

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__()
        self.job = job
        self.site = urlsplit(job["start_url"]).netloc
        self.links = LinkExtractor()
        self.seen = {job["start_url"]}
        self.next_level: set[str] = set()
        self.depth = 0
        self.asked = 1
        self.found: list[dict[str, Any]] = []
        self.counts = {"pages_fetched": 0, "pages_disallowed": 0, "pages_failed": 0}

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Called by Scrapy: requests the first page."""
        self.crawler.signals.connect(self.go_deeper, signal=signals.spider_idle)
        yield self.request(self.job["start_url"])

    def request(self, url: str) -> scrapy.Request:
        """The request for a page."""
        return scrapy.Request(url, callback=self.parse, errback=self.count_failure)

    def go_deeper(self) -> None:
        """Starts the next level once Scrapy has nothing left to do."""
        level = sorted(self.next_level)[: self.job["max_pages"] - self.asked]
        self.next_level = set()
        self.depth += 1
        if level and self.depth <= self.job["max_depth"]:
            self.asked += len(level)
            for url in level:
                self.crawler.engine.crawl(self.request(url))
            raise DontCloseSpider

    def count_failure(self, failure: Failure) -> None:
        """Counts a page as disallowed by robots.txt, or as failed."""
        self.counts["pages_disallowed" if failure.check(IgnoreRequest) and _is_robots(failure) else "pages_failed"] += 1

    def parse(self, response: Response, **_: Any) -> None:
        """Collects the images and the links of a page, unless it redirected to another site."""
        self.counts["pages_fetched"] += 1
        if not isinstance(response, HtmlResponse) or urlsplit(response.url).netloc != self.site:
            return
        directives = _directives(response)
        self.found.extend(_references(response, min(directives & OPT_OUT_DIRECTIVES, default=None)))
        if not directives & {"nofollow", "none"}:
            self.note_links(response)

    def note_links(self, response: HtmlResponse) -> None:
        """Adds the links within the site that are new to the next level."""
        for link in self.links.extract_links(response):
            url = link.url.split("#")[0]
            if not link.nofollow and urlsplit(url).netloc == self.site and url not in self.seen:
                self.seen.add(url)
                self.next_level.add(url)


def _is_robots(failure: Failure) -> bool:
    return "robots.txt" in str(failure.value)


def _directives(response: HtmlResponse) -> set[str]:
    """The page's directives for crawlers, from its headers and its `meta name=robots`."""
    said = [value.decode(errors="replace") for value in response.headers.getlist("X-Robots-Tag")]
    said += response.xpath("//meta[translate(@name, 'ROBTS', 'robts') = 'robots']/@content").getall()
    return {directive.strip().lower() for text in said for directive in text.split(",")}


def _references(response: HtmlResponse, opted_out: str | None) -> Iterator[dict[str, Any]]:
    licence = response.xpath("//*[self::a or self::link][contains(@rel, 'license')]/@href").get()
    for image in response.xpath("//img"):
        yield {
            "url": _image_url(response, image),
            "alt": image.attrib.get("alt"),
            "page_url": response.url,
            "licence": response.urljoin(licence) if licence else None,
            "opted_out": opted_out,
        }


def _image_url(response: HtmlResponse, image: Any) -> str:
    """Absolute URL of the image; pages that load lazily keep it in `data-src` and a placeholder in `src`."""
    source = image.attrib.get("src", "").strip()
    if (not source or source.startswith("data:")) and image.attrib.get("data-src"):
        source = image.attrib["data-src"].strip()
    if source.startswith("data:"):
        return source[:100]
    try:
        return safe_url_string(response.urljoin(source).split("#")[0]) if source else ""
    except ValueError:  # not a valid URL
        return source[:100]


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "USER_AGENT": USER_AGENT,
        "ROBOTSTXT_OBEY": True,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOAD_DELAY": job["delay_s"],
        "AUTOTHROTTLE_ENABLED": job["delay_s"] > 0,
        "AUTOTHROTTLE_START_DELAY": job["delay_s"],
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_TIMEOUT": 15,
        "DOWNLOAD_MAXSIZE": 10_000_000,
        "RETRY_TIMES": 1,
    }


def _forbidden(job: dict[str, Any], urls: set[str]) -> dict[str, tuple[str, str | None]]:
    """Reason and detail for each of the image URLs that its host's robots.txt forbids."""
    rules = ask_hosts(urls, trusted_host=urlsplit(job["start_url"]).netloc)
    verdicts = {url: forbids(rules, url) for url in sorted(urls)}
    return {url: (verdict.reason, verdict.detail) for url, verdict in verdicts.items() if verdict is not None}


def crawl(job: dict[str, Any]) -> dict[str, Any]:
    """The image references of one site, which of their URLs are forbidden, and counts of pages."""
    process = CrawlerProcess(_settings(job))
    crawler = process.create_crawler(ImageSpider)
    process.crawl(crawler, job=job)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, ImageSpider)
    forbidden = _forbidden(job, {image["url"] for image in spider.found if image["url"].startswith(IMAGE_SCHEMES)})
    return {"references": spider.found, "counts": spider.counts, "forbidden": forbidden}


if __name__ == "__main__":
    serve(crawl)
