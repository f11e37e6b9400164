"""The robots.txt rules of image hosts (RFC 9309). Those for pages are checked by Scrapy, as it fetches them."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from protego import Protego

from tasks.crawl.candidates import Verdict
from tasks.web.connection import Limits, RefusedError
from tasks.web.download import AGENT_TOKEN, download

LIMITS = Limits(timeout_s=5, deadline_s=10, max_bytes=500_000)  # RFC 9309, section 2.5, demands at least 500 KiB
AT_ONCE = 8  # hosts


def ask_hosts(urls: Iterable[str], trusted_host: str) -> Mapping[str, Protego | Verdict]:
    """The robots.txt rules of every host among `urls`, or why all its images are rejected.

    After RFC 9309, section 2.3.1, a host without a robots.txt (status 4xx) allows everything, and a host whose
    robots.txt cannot be fetched allows nothing.

    Args:
        trusted_host: host and port of the site that the config names; only this one may be private.
    """
    hosts = sorted({host for url in urls if (host := _host(url)) is not None})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(hosts, pool.map(lambda host: _ask(host, _netloc(host) == trusted_host), hosts), strict=True))


def forbids(rules: Mapping[str, Protego | Verdict], url: str) -> Verdict | None:
    """Why `url` may not be fetched, or None if it may."""
    host = _host(url)
    if host is None:
        return Verdict("bad_url", url[:100])
    answer = rules[host]
    if isinstance(answer, Verdict):
        return answer
    return None if answer.can_fetch(url, AGENT_TOKEN) else Verdict("robots_disallowed", "robots.txt")


def _host(url: str) -> str | None:
    """Scheme, host and port: the scope of one robots.txt. None if this is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}"


def _netloc(host: str) -> str:
    return urlsplit(host).netloc


def _ask(host: str, trusted: bool) -> Protego | Verdict:
    try:
        response = download(f"{host}/robots.txt", LIMITS, trusted)
    except RefusedError as refusal:
        if refusal.reason == "http_404" or refusal.detail.startswith("HTTP 4"):
            return Protego.parse("")
        if refusal.reason in ("private_host", "bad_url"):
            return Verdict(refusal.reason, refusal.detail)
        return Verdict("robots_disallowed", f"robots.txt is not available: {refusal.reason} {refusal.detail}")
    return Protego.parse(response.body.decode(errors="replace"))
