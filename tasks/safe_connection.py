"""Connections to hosts nobody vouches for: public addresses only, and cut at a deadline whatever the server does."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


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


class _Cutter:
    """Shuts a socket at the deadline. A socket's own timeout is per read, so one byte a second would outlive it."""

    def __init__(self, deadline: float) -> None:
        self.expired = False
        self.stream: socket.socket | None = None
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self.expired = True
        if self.stream is not None:
            with suppress(OSError):  # it has ended by itself
                self.stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        if self.stream is not None:
            self.stream.close()


@contextmanager
def connection(place: Place, limits: Limits, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A connection for one exchange; what goes wrong in the block is raised as a `RefusedError`.

    Args:
        deadline: when the exchange must be over, on the clock of `time.monotonic`.
    """
    cutter = _Cutter(deadline)
    try:
        yield _open(place, limits, cutter)
        if cutter.expired:
            raise TimeoutError
    except (RefusedError, OSError, http.client.HTTPException, ValueError) as error:
        raise _refusal(error, cutter.expired, limits) from error
    finally:
        cutter.close()


def _open(place: Place, limits: Limits, cutter: _Cutter) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    opened = kind(place.host, place.port)
    stream = cutter.stream = _connect(place, limits)
    if place.scheme == "https":
        # The handshake apart from the wrapping: the cutter must know the socket before a server can stall.
        context = ssl.create_default_context()
        secure = context.wrap_socket(stream, server_hostname=place.host, do_handshake_on_connect=False)
        stream = cutter.stream = secure
        secure.do_handshake()
    opened.sock = stream
    return opened


def _connect(place: Place, limits: Limits) -> socket.socket:
    """Connects to an address that was itself checked, so that a name cannot change its address in between."""
    addresses = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    if not limits.allow_private_hosts and any(not is_public(str(address[4][0])) for address in addresses):
        raise RefusedError("private_host", place.host)
    problem = OSError("no address")
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


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not private, loopback, link-local or multicast."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


def _refusal(error: Exception, expired: bool, limits: Limits) -> RefusedError:
    if expired:
        return RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, TimeoutError):
        return RefusedError("timeout", f"silent for {limits.timeout_s:g} s")
    if isinstance(error, http.client.IncompleteRead):
        return RefusedError("truncated", f"{len(error.partial)} bytes came")
    if isinstance(error, http.client.InvalidURL | UnicodeError):
        return RefusedError("bad_url", str(error))
    return RefusedError("unreachable", type(error).__name__)
