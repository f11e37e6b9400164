"""Connections to untrusted hosts: only to public addresses, and closed at a deadline whatever the server does."""

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tasks.web.addresses import Address, all_public, look_up
from tasks.web.proxy import Proxy, proxy_for, tunnel
from tasks.web.refusals import RefusedError


@dataclass(frozen=True)
class Limits:
    """Bounds on one download.

    Attributes:
        timeout_s: longest wait for the host's address, for the connection, and for each read.
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
        RefusedError: private_host, unknown_host, unreachable, timeout, interrupted, bad_url, or as raised in the block.
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
    """Connects to an address that was checked, without a second look-up of the name (against DNS rebinding).

    A private one is asked directly whatever the environment says: a proxy would reach another network's.
    """
    addresses = look_up(origin.host, origin.port, min(limits.timeout_s, deadline - time.monotonic()))
    public = all_public(addresses)
    if not public and not limits.allow_private_hosts:
        raise RefusedError("private_host", origin.host)
    proxy = proxy_for(origin.scheme, origin.host, origin.port) if public else None
    problem: Exception = OSError("no address")
    for address in addresses:
        try:
            if proxy is None:
                return _open(address, limits, deadline)
            return _open_through(proxy, address, limits, deadline)
        except (OSError, http.client.HTTPException, RefusedError) as error:
            problem = error
    raise problem


def _open(address: Address, limits: Limits, deadline: float) -> _Socket:
    family, kind, protocol, _, place = address
    stream = _Socket(family, kind, protocol)
    stream.timeout_s, stream.deadline = limits.timeout_s, deadline
    stream.settimeout(max(0.001, min(limits.timeout_s, deadline - time.monotonic())))
    try:
        stream.connect(place)
    except BaseException:
        stream.close()
        raise
    return stream


def _open_through(proxy: Proxy, address: Address, limits: Limits, deadline: float) -> _Socket:
    """A connection to an address by way of a proxy, which may itself be on a private one: the user chose it."""
    [first, *_] = look_up(proxy.host, proxy.port, min(limits.timeout_s, deadline - time.monotonic()))
    stream = _open(first, limits, deadline)
    try:
        tunnel(stream, proxy, *address[4][:2])
    except BaseException:
        stream.close()
        raise
    return stream


def _secure(stream: _Socket, host: str) -> _SecureSocket:
    """TLS over a connected socket, within the same deadline."""
    context = _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    # The handshake is a call of its own, so that the deadline bounds it too.
    secure = context.wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(secure, _SecureSocket)
    secure.timeout_s, secure.deadline = stream.timeout_s, stream.deadline
    secure.settimeout(max(0.001, min(stream.timeout_s, stream.deadline - time.monotonic())))
    secure.do_handshake()
    return secure


@lru_cache(maxsize=1)
def _context(certificates: str | None, folder: str | None) -> ssl.SSLContext:
    """What TLS is spoken with; to read all certificates takes as long as a small image. Known by their places."""
    context = ssl.create_default_context()
    context.sslsocket_class = _SecureSocket
    return context


def _refusal(error: Exception, expired: bool, limits: Limits) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if expired:
        return RefusedError("timeout", f"not done after {limits.deadline_s:g} s")
    if isinstance(error, TimeoutError):
        return RefusedError("timeout", f"silent for {limits.timeout_s:g} s")
    if isinstance(error, http.client.IncompleteRead):
        return RefusedError("interrupted", f"{len(error.partial)} bytes came")
    if isinstance(error, http.client.InvalidURL | UnicodeError):
        return RefusedError("bad_url", str(error))
    return RefusedError("unreachable", type(error).__name__)
