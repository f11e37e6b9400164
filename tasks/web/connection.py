"""Connections to untrusted hosts: only to public addresses, and closed at a deadline whatever the server does."""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # holds every IPv4 address (RFC 6052)


class RefusedError(Exception):
    """A download that did not happen. `reason` is a short stable code, `detail` the value that decided.

    `transient`: the next attempt may succeed.
    """

    def __init__(self, reason: str, detail: str = "", transient: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.transient = transient


@dataclass(frozen=True)
class Limits:
    """Bounds on one download.

    Attributes:
        timeout_s: longest wait for the connection, and for each read.
        deadline_s: longest time for the whole download, redirects included.
        max_bytes: of the body, also after decompression.
        cut: keep the first `max_bytes` of a longer body instead of refusing it.
    """

    timeout_s: float = 5.0
    deadline_s: float = 15.0
    max_bytes: int = 20_000_000
    allow_private_hosts: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of an http(s) URL (RFC 6454)."""

    scheme: str
    host: str
    port: int


class _WithDeadline:
    """A socket whose reads fail after a deadline; a timeout alone bounds each read, not all reads of a slow server.

    Not a timer thread for each download: that would be twice the threads.
    """

    deadline = float("inf")
    timeout_s = 0.0

    def recv_into(self, *args: Any) -> int:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self.settimeout(min(self.timeout_s, remaining))  # type: ignore[attr-defined]
        received: int = super().recv_into(*args)  # type: ignore[misc]
        return received


class _Socket(_WithDeadline, socket.socket):
    pass


class _SecureSocket(_WithDeadline, ssl.SSLSocket):
    pass


@contextmanager
def connection(origin: Origin, limits: Limits, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A connection for one request. Errors of network and HTTP in the block are raised as `RefusedError`.

    Args:
        deadline: when the response must be complete, on the clock of `time.monotonic`.

    Raises:
        RefusedError: private_host, unreachable, timeout, truncated, bad_url, or as raised in the block.
    """
    kind = http.client.HTTPSConnection if origin.scheme == "https" else http.client.HTTPConnection
    try:
        opened = kind(origin.host, origin.port)
        with _connect(origin, limits, deadline) as stream:
            opened.sock = _secure(stream, origin.host) if origin.scheme == "https" else stream
            try:
                yield opened
            finally:
                opened.close()
    except (RefusedError, OSError, http.client.HTTPException, ValueError) as error:
        raise _refusal(error, time.monotonic() >= deadline, limits) from None


def _connect(origin: Origin, limits: Limits, deadline: float) -> _Socket:
    """Connects to the address that was checked, without a second look-up of the name (against DNS rebinding)."""
    addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    if not limits.allow_private_hosts and any(not is_public(str(address[4][0])) for address in addresses):
        raise RefusedError("private_host", origin.host)
    problem = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        stream = _Socket(family, kind, protocol)
        stream.timeout_s, stream.deadline = limits.timeout_s, deadline
        stream.settimeout(max(0.001, min(limits.timeout_s, deadline - time.monotonic())))
        try:
            stream.connect(address)
            return stream
        except OSError as error:
            stream.close()
            problem = error
    raise problem


def _secure(stream: _Socket, host: str) -> _SecureSocket:
    """TLS over a connected socket, within the same deadline."""
    context = ssl.create_default_context()
    context.sslsocket_class = _SecureSocket
    # The handshake is a call of its own, so that the deadline bounds it too.
    secure = context.wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(secure, _SecureSocket)
    secure.timeout_s, secure.deadline = stream.timeout_s, stream.deadline
    secure.settimeout(max(0.001, min(stream.timeout_s, stream.deadline - time.monotonic())))
    secure.do_handshake()
    return secure


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not private, loopback, link-local or multicast."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def is_public_host(host: str) -> bool:
    """Whether a host has no private address. True also if it cannot be resolved now."""
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return True
    return all(is_public(str(address[4][0])) for address in addresses)


def _refusal(error: Exception, expired: bool, limits: Limits) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if expired:
        return RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    if isinstance(error, TimeoutError):
        return RefusedError("timeout", f"silent for {limits.timeout_s:g} s")
    if isinstance(error, http.client.IncompleteRead):
        return RefusedError("truncated", f"{len(error.partial)} bytes came")
    if isinstance(error, http.client.InvalidURL | UnicodeError):
        return RefusedError("bad_url", str(error))
    return RefusedError("unreachable", type(error).__name__)
