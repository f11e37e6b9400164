"""Proxies of the environment are used as other programs do, and are no way round the check of addresses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.web import picture, reply, web_site

from tasks.web.connection import Limits
from tasks.web.download import download
from tasks.web.refusals import RefusedError

QUICK = Limits(timeout_s=2, deadline_s=4)
PUBLIC = "93.184.216.34"


@contextmanager
def proxy(answer: bytes, leads_to: str = "") -> Iterator[tuple[str, list[str]]]:
    """Address of a proxy that gives this answer and connects everything to one site; what it was asked."""
    heads: list[str] = []

    def serve(client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        heads.append(head.decode())
        client.sendall(answer)
        if leads_to:
            with socket.create_connection((leads_to.split(":")[0], int(leads_to.split(":")[1]))) as site:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    request += client.recv(1)
                site.sendall(request)
                while chunk := site.recv(65536):
                    client.sendall(chunk)
        client.close()

    def listen(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=listen, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", heads


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    """Public names have a public address, which nothing here connects to."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **how: object):
        private = "127.0.0.1" if host == "private.example" else host
        return real(PUBLIC if host == "public.example" else private, *rest, **how)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_asked_for_a_tunnel_to_the_address_that_was_checked(monkeypatch, variable):
    with (
        web_site({"/a.png": reply(200, picture())}) as site,
        proxy(b"HTTP/1.1 200 OK\r\n\r\n", site.removeprefix("http://")) as (address, heads),
    ):
        monkeypatch.setenv(variable, f"http://user:p%40ss@{address}")
        assert download("http://public.example/a.png", QUICK).body == picture()
    [head] = heads
    assert head.splitlines()[0] == f"CONNECT {PUBLIC}:80 HTTP/1.1"
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz" in head


def test_a_proxy_is_asked_for_https_too(monkeypatch):
    with proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (address, heads):
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(RefusedError, match="unreachable"):
            download("https://public.example/a.png", QUICK)
    assert heads[0].startswith(f"CONNECT {PUBLIC}:443 ")


def test_a_private_address_is_refused_before_the_proxy_is_asked(monkeypatch):
    with proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (address, heads):
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        for url in ("http://private.example/a.png", "http://10.1.2.3/a.png"):
            with pytest.raises(RefusedError, match="private_host"):
                download(url, QUICK)
    assert heads == []


def test_an_own_private_site_is_asked_directly(monkeypatch):
    with web_site({"/a.png": b"x"}) as site, proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (address, heads):
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        assert download(f"{site}/a.png", QUICK, trusted=True).body == b"x"
    assert heads == []


def test_hosts_that_no_proxy_names_are_asked_directly(monkeypatch):
    monkeypatch.setattr("tasks.web.connection._open", lambda address, *_: pytest.fail(f"{address[4]}"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "other.example,.example")
    with pytest.raises(pytest.fail.Exception, match=PUBLIC):
        download("http://public.example/a.png", QUICK)


def test_a_proxy_that_refuses_is_a_reason(monkeypatch):
    with proxy(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (address, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        with pytest.raises(RefusedError, match="unreachable: the proxy answers 403 when asked for a tunnel"):
            download("http://public.example/a.png", QUICK)


def test_a_proxy_of_another_kind_is_a_reason_and_its_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:secret@127.0.0.1:1")
    with pytest.raises(RefusedError, match=r"unreachable: the proxy of the environment is not one of the form http://"):
        download("http://public.example/a.png", QUICK)
