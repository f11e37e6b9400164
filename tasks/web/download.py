"""Gets one file from an untrusted URL: bounded in size and time, never from a private host; failures have reasons."""

import http.client
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from tasks.web.connection import Limits, Origin, connection
from tasks.web.opt_out import header_directives, opt_out
from tasks.web.refusals import RefusedError

USER_AGENT = "dalle-pipeline/0.1 (research crawler; obeys robots.txt, X-Robots-Tag and TDM reservation)"

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
SERVER_ERRORS = (429, 500, 502, 503, 504)
BUSY = (429, 503)
PAUSE_S = 1.0  # before the second attempt
UNQUOTED = "%/:=&?~#+!$,;'@()*[]|"
# As browsers read it: the last @ before the path ends the credentials; a backslash counts as a slash.
CREDENTIALS = re.compile(r"^(\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]{2,})[^/\\?#]*@")


@dataclass(frozen=True)
class Response:
    """A complete response with status 200. `url`: where it came from, after redirects."""

    body: bytes
    headers: Message
    url: str


def download(
    url: str,
    limits: Limits,
    trusted: bool = False,
    *,
    before_redirect: Callable[[str], object] | None = None,
    obey_opt_out: bool = True,
) -> Response:
    """The body behind `url`, after at most five redirects. For proxies see tasks.web.proxy.

    Args:
        trusted: the URL was made by this pipeline (a file of a folder source, the demo site): it may be a `file:` URL
            or on a private host. The targets of redirects are never trusted.
        before_redirect: called with the target of each redirect; it may raise `RefusedError`.
        obey_opt_out: refuse what its headers reserve. False for pages and robots.txt, whose links and rules are read.

    Raises:
        RefusedError: bad_url, private_host, unknown_host, unreachable, timeout, interrupted, http_404, http_error,
            server_error, too_many_redirects, opted_out, too_large, truncated, or as raised by `before_redirect`.
    """
    if trusted and url.startswith("file://"):
        return _read_file(url, limits)
    deadline = time.monotonic() + limits.deadline_s
    here = replace(limits, allow_private_hosts=limits.allow_private_hosts or trusted)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _exchange(url, here, deadline, obey_opt_out)
        if isinstance(answer, Response):
            return answer
        url, here = absolute(url, answer), limits
        if before_redirect is not None:
            before_redirect(url)
    raise RefusedError("too_many_redirects", f"more than {MAX_REDIRECTS} redirects")


def retried(attempt: Callable[[], Response], attempts: int, longest_pause_s: float) -> Response:
    """`attempt()`, made again while the server fails, after 1 s, 2 s, … or the pause that it asks for.

    Args:
        attempts: at most so many in all.
        longest_pause_s: not again if the server asks for a longer one.

    Raises:
        RefusedError: as the last attempt.
    """
    for number in range(1, attempts):
        try:
            return attempt()
        except RefusedError as refusal:
            pause_s = max(number * PAUSE_S, refusal.pause_s or 0)
            if refusal.reason != "server_error" or pause_s > longest_pause_s:
                raise
        time.sleep(pause_s)
    return attempt()


def absolute(base: str, reference: str) -> str:
    """The URL that `reference` means on the page `base`, without its fragment.

    Raises:
        RefusedError: bad_url.
    """
    try:
        return urljoin(base, reference).split("#")[0]
    except ValueError as error:
        raise RefusedError("bad_url", str(error)) from None


def without_credentials(url: str) -> str:
    """The URL without `user:password@`, for messages and tables; also of text that is no valid URL."""
    return CREDENTIALS.sub(r"\1", url)


def _read_file(url: str, limits: Limits) -> Response:
    path = Path(unquote(urlsplit(url).path, errors="surrogateescape"))
    try:
        if path.stat().st_size > limits.max_bytes:
            raise RefusedError("too_large", f"{path.stat().st_size} bytes")
        return Response(path.read_bytes(), Message(), url)
    except OSError as error:
        raise RefusedError("unreachable", error.strerror or str(error)) from error


def _exchange(url: str, limits: Limits, deadline: float, obey_opt_out: bool) -> Response | str:
    """One request: the response, or the target of a redirect."""
    origin, target = _parts(url)
    with connection(origin, limits, deadline) as opened:
        opened.request("GET", target, headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"})
        answer = opened.getresponse()
        if answer.status in REDIRECTS and answer.headers["Location"]:
            return _location(str(answer.headers["Location"]))
        if answer.status in (404, 410):
            raise RefusedError("http_404", f"HTTP {answer.status}")
        if answer.status in SERVER_ERRORS:
            raise RefusedError("server_error", f"HTTP {answer.status}", _pause_s(answer))
        if answer.status != 200:
            raise RefusedError("http_error", f"HTTP {answer.status}")
        if obey_opt_out and (directive := opt_out(header_directives(answer.headers))) is not None:
            raise RefusedError("opted_out", directive)
        return Response(_read_body(answer, limits), answer.headers, url)


def _pause_s(answer: http.client.HTTPResponse) -> float | None:
    """The pause a server asks for by Retry-After, as seconds or a date (RFC 9110, 10.2.3), or by its status alone."""
    header = answer.headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0 if answer.status in BUSY else None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _location(header: str) -> str:
    """The header as its server wrote it: `http.client` takes the bytes of UTF-8 for letters of Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _parts(url: str) -> tuple[Origin, str]:
    """The origin to connect to, and path and query for the request line."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:  # also UnicodeError, for labels that no host name can have
        raise RefusedError("bad_url", str(error)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise RefusedError("bad_url", without_credentials(url)[:100])
    if "@" in parts.netloc:
        raise RefusedError("bad_url", "a user name or password in the address")
    target = quote(parts.path or "/", safe=UNQUOTED)
    query = f"?{quote(parts.query, safe=UNQUOTED)}" if parts.query else ""
    return Origin(parts.scheme, host, port), target + query


def _read_body(answer: http.client.HTTPResponse, limits: Limits) -> bytes:
    expected = answer.length
    if expected is not None and expected > limits.max_bytes and not limits.cut:
        raise RefusedError("too_large", f"{expected} bytes")
    body = answer.read(limits.max_bytes + 1)
    if len(body) > limits.max_bytes:
        if not limits.cut:
            raise RefusedError("too_large", f"more than {limits.max_bytes} bytes")
    elif expected is not None and len(body) < expected:
        raise RefusedError("interrupted", f"{len(body)} of {expected} bytes came")
    return _inflate(body, answer.headers.get("Content-Encoding", ""), limits)[: limits.max_bytes]


def _inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Decompresses a body that the server compressed without being asked to, up to the size limit."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, detected by the header
    try:
        inflated = inflater.decompress(body, limits.max_bytes + 1)
    except zlib.error as error:
        raise RefusedError("truncated", f"{encoding}: {error}") from error
    if len(inflated) > limits.max_bytes and not limits.cut:
        raise RefusedError("too_large", f"more than {limits.max_bytes} bytes, inflated")
    return inflated
