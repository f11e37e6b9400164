"""A name is looked up in bounded time, and what it leads to is checked, whatever the resolver says."""

import socket
import threading
import time

import pytest
from support.web import reply, web_site

from tasks.web import addresses
from tasks.web.addresses import look_up
from tasks.web.connection import Limits
from tasks.web.download import download
from tasks.web.refusals import RefusedError

QUICK = Limits(timeout_s=0.3, deadline_s=1.0, max_bytes=1000)


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Every name has these addresses."""

    def resolve(_: object, port: int, **__: object) -> list[addresses.Address]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def refusal(url: str, limits: Limits = QUICK) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        download(url, limits)
    return caught.value.reason, caught.value.detail


def test_a_resolver_that_hangs_holds_no_download_longer_than_its_timeout(monkeypatch):
    hangs = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hangs.wait(60))
    began = time.monotonic()
    try:
        assert refusal("http://slow.example/a") == ("timeout", "the name was looked up for 0.3 s")
        assert time.monotonic() - began < 10
    finally:
        hangs.set()


def test_look_ups_that_hang_are_bounded_in_number(monkeypatch):
    hangs = threading.Event()
    asked: list[str] = []

    def hang(host: str, *_: object, **__: object) -> list[addresses.Address]:
        asked.append(host)
        hangs.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(addresses, "_look_ups", threading.BoundedSemaphore(2))
    try:
        for number in range(5):
            with pytest.raises(RefusedError, match="timeout"):
                look_up(f"slow{number}.example", 80, 0.05)
        assert len(asked) == 2
    finally:
        hangs.set()


@pytest.mark.parametrize(("code", "reason"), [(socket.EAI_NONAME, "unknown_host"), (socket.EAI_AGAIN, "unreachable")])
def test_a_name_without_an_address_is_told_from_a_resolver_that_fails(monkeypatch, code, reason):
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "said the resolver")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert refusal("http://nowhere.example/a")[0] == reason


@pytest.mark.parametrize("found", [["127.0.0.2"], ["8.8.8.8", "127.0.0.2"], ["169.254.169.254"]])
def test_a_name_that_leads_to_a_private_address_is_not_asked(monkeypatch, found):
    asked: list[str] = []
    with web_site({"/a": reply(200, b"x")}, host="127.0.0.2", asked=asked) as site:
        resolving(monkeypatch, *found)
        assert refusal(f"http://public.example:{site.rpartition(':')[2]}/a") == ("private_host", "public.example")
    assert asked == []
