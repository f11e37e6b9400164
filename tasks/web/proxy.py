"""Proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as other programs read them.

A proxy is asked for a tunnel (CONNECT, RFC 9110, 9.3.6) to the address that was looked up and checked here, also for
http. It is never given a name to look up itself: that could have another, private address there.
"""

import base64
import http.client
import ipaddress
import socket
import urllib.request
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tasks.web.refusals import RefusedError


@dataclass(frozen=True)
class Proxy:
    """Where a proxy listens, and what a user name and password in its address make of the header."""

    host: str
    port: int
    authorization: str | None = None


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy that the environment names for a host, None for none.

    Raises:
        RefusedError: unreachable, if it is of a kind that is not supported.
    """
    named = urllib.request.getproxies()
    address = named.get(scheme) or named.get("all")
    if not address or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        proxy_host, proxy_port = parts.hostname, parts.port or 80
    except ValueError:
        proxy_host = None
    if not proxy_host or parts.scheme != "http":
        raise RefusedError("unreachable", "the proxy of the environment is not one of the form http://host:port")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(proxy_host, proxy_port, authorization)


def tunnel(stream: socket.socket, proxy: Proxy, address: str, port: int) -> None:
    """Has the proxy at the other end of `stream` connect it to an IP address.

    Raises:
        RefusedError: unreachable, if the proxy refuses.
        OSError, http.client.HTTPException: it does not answer, or not in HTTP.
    """
    target = f"[{address}]:{port}" if ipaddress.ip_address(address).version == 6 else f"{address}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = http.client.HTTPResponse(stream, method="CONNECT")
    try:
        answer.begin()
    finally:
        answer.close()  # of its view of the stream, which stays open
    if answer.status != 200:
        raise RefusedError("unreachable", f"the proxy answers {answer.status} when asked for a tunnel")
