"""Gets one file from an untrusted URL: bounded in size and time, never from a private host; failures have reasons."""

import http.client
import time
import zlib
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from tasks.web.connection import Limits, Origin, RefusedError, connection

USER_AGENT = "dalle-pipeline/0.1 (research crawler; obeys robots.txt, X-Robots-Tag and TDM reservation)"
AGENT_TOKEN = "dalle-pipeline"  # the name by which robots.txt and X-Robots-Tag may address this crawler
OPT_OUT_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})
DIRECTIVES_WITH_VALUES = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
TRANSIENT = (429, 500, 502, 503, 504)
CHUNK_BYTES = 65536
UNQUOTED = "%/:=&?~#+!$,;'@()*[]|"


@dataclass(frozen=True)
class Response:
    """A complete response with status 200."""

    body: bytes
    headers: Message


def download(url: str, limits: Limits, trusted: bool = False) -> Response:
    """The body behind `url`, after at most five redirects. Connects directly: proxies of the environment are not used.

    Args:
        trusted: the URL was made by this pipeline (a file of a folder source, the demo site): it may be a `file:` URL
            or on a private host. The targets of redirects are never trusted.

    Raises:
        RefusedError: bad_url, private_host, unreachable, timeout, http_404, http_error, opted_out, too_large or
            truncated.
    """
    if trusted and url.startswith("file://"):
        return _read_file(url, limits)
    deadline = time.monotonic() + limits.deadline_s
    here = replace(limits, allow_private_hosts=limits.allow_private_hosts or trusted)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _exchange(url, here, deadline)
        if isinstance(answer, Response):
            return answer
        url, here = urljoin(url, answer), limits
    raise RefusedError("http_error", f"more than {MAX_REDIRECTS} redirects")


def _read_file(url: str, limits: Limits) -> Response:
    path = Path(unquote(urlsplit(url).path, errors="surrogateescape"))
    try:
        if path.stat().st_size > limits.max_bytes:
            raise RefusedError("too_large", f"{path.stat().st_size} bytes")
        return Response(path.read_bytes(), Message())
    except OSError as error:
        raise RefusedError("unreachable", error.strerror or str(error)) from error


def _exchange(url: str, limits: Limits, deadline: float) -> Response | str:
    """One request: the response, or the target of a redirect."""
    origin, target = _parts(url)
    with connection(origin, limits, deadline) as opened:
        opened.request("GET", target, headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"})
        answer = opened.getresponse()
        if answer.status in REDIRECTS and answer.headers["Location"]:
            return str(answer.headers["Location"])
        if answer.status in (404, 410):
            raise RefusedError("http_404", f"HTTP {answer.status}")
        if answer.status != 200:
            raise RefusedError("http_error", f"HTTP {answer.status}", transient=answer.status in TRANSIENT)
        if (directive := opt_out(answer.headers)) is not None:
            raise RefusedError("opted_out", directive)
        return Response(_read_body(answer, limits), answer.headers)


def _parts(url: str) -> tuple[Origin, str]:
    """The origin to connect to, and path and query for the request line."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:  # also UnicodeError, for labels that no host name can have
        raise RefusedError("bad_url", str(error)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise RefusedError("bad_url", url[:100])
    target = quote(parts.path or "/", safe=UNQUOTED)
    query = f"?{quote(parts.query, safe=UNQUOTED)}" if parts.query else ""
    return Origin(parts.scheme, host, port), target + query


def _read_body(answer: http.client.HTTPResponse, limits: Limits) -> bytes:
    expected = answer.length
    if expected is not None and expected > limits.max_bytes:
        raise RefusedError("too_large", f"{expected} bytes")
    body = bytearray()
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > limits.max_bytes:
            raise RefusedError("too_large", f"more than {limits.max_bytes} bytes")
    if expected is not None and len(body) < expected:
        raise RefusedError("truncated", f"{len(body)} of {expected} bytes came")
    return _inflate(bytes(body), answer.headers.get("Content-Encoding", ""), limits)


def _inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Decompresses a body that the server compressed without being asked to, up to the size limit."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, detected by the header
    try:
        inflated = inflater.decompress(body, limits.max_bytes + 1)
    except zlib.error as error:
        raise RefusedError("truncated", f"{encoding}: {error}") from error
    if len(inflated) > limits.max_bytes:
        raise RefusedError("too_large", f"more than {limits.max_bytes} bytes, inflated")
    return inflated


def opt_out(headers: Message) -> str | None:
    """The opt-out directive of a response, or None.

    Reads `X-Robots-Tag` (for all crawlers, or for this one by name) and `tdm-reservation: 1` (W3C's TDM Reservation
    Protocol).
    """
    for value in headers.get_all("X-Robots-Tag") or []:
        agent = ""
        for part in value.lower().split(","):
            name, colon, rest = (piece.strip() for piece in part.partition(":"))
            if colon and name not in DIRECTIVES_WITH_VALUES:
                agent, name = name, rest  # this and the following directives are for one crawler
            if name in OPT_OUT_DIRECTIVES and agent in ("", AGENT_TOKEN):
                return name
    return "tdm-reservation" if (headers.get("tdm-reservation") or "").strip() == "1" else None
