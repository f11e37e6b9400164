"""Gets one file from an untrusted URL: bounded in size and time, never from a private host, with every refusal named."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

USER_AGENT = "dalle-pipeline/0.1 (research crawler; obeys robots.txt, X-Robots-Tag and TDM reservation)"
AGENT_TOKEN = "dalle-pipeline"  # the name by which robots.txt and X-Robots-Tag may address this crawler
OPT_OUT_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})

MAX_REDIRECTS = 5
CHUNK_BYTES = 65536
WHITESPACE_AND_QUOTED = "%/:=&?~#+!$,;'@()*[]|"


class RefusedError(Exception):
    """A download that did not happen. `reason` is a short stable code, `detail` the value that decided."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Limits:
    """What one download may cost."""

    timeout_s: float = 5.0
    deadline_s: float = 15.0
    max_bytes: int = 20_000_000
    allow_private_hosts: bool = False


@dataclass(frozen=True)
class Response:
    """A whole answer with status 200."""

    body: bytes
    headers: Message


def download(url: str, limits: Limits, trusted: bool = False) -> Response:
    """The body behind `url`, after at most five redirects. Connects directly: proxies of the environment are not used.

    Args:
        trusted: the URL was made by this pipeline (a file of a folder source, the demo site): it may be a `file:` URL
            or lie on a private host. Where it redirects to is never trusted.

    Raises:
        RefusedError: bad_url, private_host, unreachable, timeout, http_404, http_error, opted_out, too_large or truncated.
    """
    deadline = time.monotonic() + limits.deadline_s
    for _ in range(MAX_REDIRECTS + 1):
        if trusted and url.startswith("file://"):
            return _read_file(url, limits)
        answer = _request(url, limits, deadline, allow_private=trusted or limits.allow_private_hosts)
        if isinstance(answer, Response):
            return answer
        url, trusted = urljoin(url, answer), False
    raise RefusedError("http_error", f"more than {MAX_REDIRECTS} redirects")


def _read_file(url: str, limits: Limits) -> Response:
    path = Path(unquote(urlsplit(url).path))
    try:
        if path.stat().st_size > limits.max_bytes:
            raise RefusedError("too_large", f"more than {limits.max_bytes} bytes")
        return Response(path.read_bytes(), Message())
    except OSError as error:
        raise RefusedError("unreachable", error.strerror or str(error)) from error


def _request(url: str, limits: Limits, deadline: float, allow_private: bool) -> Response | str:
    """One request: the response, or the place a redirect points to."""
    scheme, host, port, target = _parts(url)
    with _connection(scheme, host, port, limits, deadline, allow_private) as connection:
        connection.request("GET", target, headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"})
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308) and answer.headers["Location"]:
            return str(answer.headers["Location"])
        if answer.status != 200:
            raise RefusedError("http_404" if answer.status in (404, 410) else "http_error", f"HTTP {answer.status}")
        if (directive := opt_out(answer.headers)) is not None:
            raise RefusedError("opted_out", directive)
        return Response(_read_body(answer, limits, deadline), answer.headers)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and request target of an http(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:  # also UnicodeError: labels that are no host name
        raise RefusedError("bad_url", str(error)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise RefusedError("bad_url", parts.scheme or "no scheme")
    target = quote(parts.path or "/", safe=WHITESPACE_AND_QUOTED)
    return (
        parts.scheme,
        host,
        port,
        target + (f"?{quote(parts.query, safe=WHITESPACE_AND_QUOTED)}" if parts.query else ""),
    )


@contextmanager
def _connection(
    scheme: str, host: str, port: int, limits: Limits, deadline: float, allow_private: bool
) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut at the deadline, whatever the server dribbles: a socket's timeout is per read only."""
    expired = threading.Event()
    stream: socket.socket | None = None

    def cut() -> None:
        expired.set()
        if stream is not None:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                return

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    connection = http.client.HTTPConnection(host, port)
    try:
        stream = _connect(host, port, limits, allow_private)
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port)
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=host)
        connection.sock = stream
        yield connection
        if expired.is_set():
            raise RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    except RefusedError:
        if expired.is_set():
            raise RefusedError("timeout", f"not done after {limits.deadline_s:g} s") from None
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _refusal(error, expired.is_set(), limits) from error
    finally:
        timer.cancel()
        connection.close()
        if stream is not None:
            stream.close()


def _refusal(error: Exception, expired: bool, limits: Limits) -> RefusedError:
    if expired:
        return RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    if isinstance(error, TimeoutError):
        return RefusedError("timeout", f"silent for {limits.timeout_s:g} s")
    if isinstance(error, http.client.IncompleteRead):
        return RefusedError("truncated", f"{len(error.partial)} bytes came")
    if isinstance(error, http.client.InvalidURL):
        return RefusedError("bad_url", str(error))
    return RefusedError("unreachable", type(error).__name__)


def _connect(host: str, port: int, limits: Limits, allow_private: bool) -> socket.socket:
    """Connects to an address that was itself checked, so that a host name cannot change its address in between."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not allow_private and any(not is_public(address[4][0]) for address in addresses):
        raise RefusedError("private_host", host)
    problem: OSError = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(limits.timeout_s)
        try:
            stream.connect(address)
            return stream
        except OSError as error:
            stream.close()
            problem = error
    raise problem


def is_public(address: str | int) -> bool:
    """Whether an IP address belongs to the public internet: not private, loopback, link-local, multicast or reserved."""
    ip = ipaddress.ip_address(str(address).split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


def _read_body(answer: http.client.HTTPResponse, limits: Limits, deadline: float) -> bytes:
    expected = answer.length
    if expected is not None and expected > limits.max_bytes:
        raise RefusedError("too_large", f"{expected} bytes")
    body = bytearray()
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > limits.max_bytes:
            raise RefusedError("too_large", f"more than {limits.max_bytes} bytes")
        if time.monotonic() > deadline:
            raise RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    if expected is not None and len(body) < expected:
        raise RefusedError("truncated", f"{len(body)} of {expected} bytes came")
    return _inflate(bytes(body), answer.headers.get("Content-Encoding", ""), limits)


def _inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Undoes a gzip or deflate encoding the server used unasked, up to the size limit."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, told by its header
    try:
        inflated = inflater.decompress(body, limits.max_bytes + 1)
    except zlib.error as error:
        raise RefusedError("truncated", f"{encoding}: {error}") from error
    if len(inflated) > limits.max_bytes:
        raise RefusedError("too_large", f"more than {limits.max_bytes} bytes, inflated")
    return inflated


def opt_out(headers: Message) -> str | None:
    """The header directive that keeps the file out of a training set, or None.

    Reads `X-Robots-Tag` (for everyone or for this crawler by name) and the W3C's `tdm-reservation: 1`.
    """
    for value in headers.get_all("X-Robots-Tag") or []:
        agent, colon, rest = value.partition(":")
        if not colon:
            agent, rest = "", value
        if agent.strip().lower() not in ("", AGENT_TOKEN):
            continue
        found = OPT_OUT_DIRECTIVES & {directive.strip().lower() for directive in rest.split(",")}
        if found:
            return min(found)
    return "tdm-reservation" if (headers.get("tdm-reservation") or "").strip() == "1" else None
