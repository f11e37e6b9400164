"""What the robots.txt of image hosts allows. Pages are Scrapy's to check; images are fetched by a later stage."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from protego import Protego

from tasks.crawl.candidates import Verdict
from tasks.web.connection import Limits, RefusedError
from tasks.web.download import AGENT_TOKEN, download

LIMITS = Limits(timeout_s=5, deadline_s=10, max_bytes=500_000)  # RFC 9309 asks for 500 KiB to be read at least
AT_ONCE = 8


def ask_hosts(urls: Iterable[str], trusted_host: str) -> Mapping[str, Protego | Verdict]:
    """The rules of every host among `urls`, or why images from it are refused.

    After RFC 9309 a host without a robots.txt allows everything, and one that cannot be asked allows nothing.

    Args:
        trusted_host: the host a person named as the site to crawl; it may be private, no other may.
    """
    hosts = sorted({_host(url) for url in urls})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(hosts, pool.map(lambda host: _ask(host, _netloc(host) == trusted_host), hosts), strict=True))


def forbids(rules: Mapping[str, Protego | Verdict], url: str) -> Verdict | None:
    """Why `url` may not be fetched, or None."""
    answer = rules[_host(url)]
    if isinstance(answer, Verdict):
        return answer
    return None if answer.can_fetch(url, AGENT_TOKEN) else Verdict("robots_disallowed", "robots.txt")


def _host(url: str) -> str:
    """Scheme, host and port: what one robots.txt speaks for."""
    parts = urlsplit(url)
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
        return Verdict("robots_disallowed", f"robots.txt not to be had: {refusal.reason} {refusal.detail}")
    return Protego.parse(response.body.decode(errors="replace"))
