"""Addresses of hosts: looked up in bounded time, and told apart into public and private ones."""

import ipaddress
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

from tasks.web.refusals import RefusedError

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # holds every IPv4 address (RFC 6052)
LOOK_UPS_AT_ONCE = 64  # in this process; those that hang count
LOOK_UP_S = 5.0
NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Address = tuple[Any, ...]  # as `socket.getaddrinfo` gives it: family, kind, protocol, name, address with port

_look_ups = threading.BoundedSemaphore(LOOK_UPS_AT_ONCE)


def look_up(host: str, port: int, timeout_s: float) -> list[Address]:
    """The addresses of a host. A resolver that hangs holds a thread of its own, not the caller's.

    Raises:
        RefusedError: timeout, unknown_host; unreachable, if the resolver fails.
        UnicodeError: no host can have this name.
    """
    if is_ip(host):
        return _ask(host, port)  # which asks nobody
    timeout_s = max(0.0, timeout_s)
    end = time.monotonic() + timeout_s
    too_late = RefusedError("timeout", f"the name was looked up for {timeout_s:.3g} s")
    places = _look_ups
    if not places.acquire(timeout=timeout_s):
        raise too_late
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_answer, args=(answer, places, host, port), daemon=True).start()
    try:
        return answer.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        raise too_late from None
    except socket.gaierror as error:
        if error.errno in NO_SUCH_NAME:
            raise RefusedError("unknown_host", host) from None
        raise RefusedError("unreachable", f"the name cannot be looked up: {error.strerror}") from None


def is_ip(host: str) -> bool:
    """Whether a host is named by its IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not private, loopback, link-local or multicast."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def all_public(addresses: list[Address]) -> bool:
    """Whether none of the addresses that a name has is a private one."""
    return all(is_public(str(address[4][0])) for address in addresses)


def is_public_host(host: str) -> bool:
    """Whether a host has no private address. True also if it cannot be resolved now."""
    try:
        return all_public(look_up(host, 0, LOOK_UP_S))
    except (RefusedError, OSError, ValueError):
        return True


def _answer(answer: Future[list[Address]], places: threading.Semaphore, host: str, port: int) -> None:
    try:
        answer.set_result(_ask(host, port))
    except BaseException as error:
        answer.set_exception(error)
    finally:
        places.release()


def _ask(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
