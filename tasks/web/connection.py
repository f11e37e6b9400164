"""Connections to hosts nobody vouches for: public addresses only, and cut at a deadline whatever the server does."""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class RefusedError(Exception):
    """A download that did not happen. `reason` is a short stable code, `detail` the value that decided.

    `transient`: the server may give another answer a moment later.
    """

    def __init__(self, reason: str, detail: str = "", transient: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.transient = transient


@dataclass(frozen=True)
class Limits:
    """What one download may cost."""

    timeout_s: float = 5.0
    deadline_s: float = 15.0
    max_bytes: int = 20_000_000
    allow_private_hosts: bool = False


@dataclass(frozen=True)
class Place:
    """The parts of an http(s) URL that a connection needs."""

    scheme: str
    host: str
    port: int


class _WithDeadline:
    """A socket that is done at the deadline. Its own timeout is per read: one byte a second would outlive it.

    Not a timer thread for each download: starting threads can deadlock with Dask's profiler (CPython gh-106883).
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
def connection(place: Place, limits: Limits, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A connection for one exchange; what goes wrong in the block is raised as a `RefusedError`.

    Args:
        deadline: when the exchange must be over, on the clock of `time.monotonic`.
    """
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    try:
        opened = kind(place.host, place.port)
        with _connect(place, limits, deadline) as stream:
            opened.sock = _secure(stream, place.host) if place.scheme == "https" else stream
            try:
                yield opened
            finally:
                opened.close()
    except (RefusedError, OSError, http.client.HTTPException, ValueError) as error:
        raise _refusal(error, time.monotonic() >= deadline, limits) from None


def _connect(place: Place, limits: Limits, deadline: float) -> _Socket:
    """Connects to an address that was itself checked, so that a name cannot change its address in between."""
    addresses = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    if not limits.allow_private_hosts and any(not is_public(str(address[4][0])) for address in addresses):
        raise RefusedError("private_host", place.host)
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
    # The handshake apart from the wrapping, so that it too has the remaining time only.
    secure = context.wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(secure, _SecureSocket)
    secure.timeout_s, secure.deadline = stream.timeout_s, stream.deadline
    secure.settimeout(max(0.001, min(stream.timeout_s, stream.deadline - time.monotonic())))
    secure.do_handshake()
    return secure


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not private, loopback, link-local or multicast."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


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
