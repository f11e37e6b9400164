"""Hosts take turns, few downloads at once from each; one that is slow or busy holds no thread of another."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.fetch import turns
from tasks.fetch.turns import GIVE_UP_AFTER, Turns
from tasks.web.refusals import RefusedError

Work = Callable[[str], None]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(turns, "PAUSE_S", 0.02)


def outcomes(
    urls: list[str], work: Work, threads: int = 8, retries: int = 0, longest_pause_s: float = 1.0
) -> list[str]:
    """What became of each URL, when threads do as the downloader does: "done", or the reason of the refusal."""
    waiting = Turns(urls, 2, retries, longest_pause_s=1.0)
    found: list[tuple[int, str]] = []

    def one(_: int) -> None:
        while True:
            turn = waiting.take()
            try:
                turn.check()
                work(turn.url)
            except RefusedError as refusal:
                if waiting.refused(turn, refusal):
                    continue
                found.append((turn.row, refusal.reason))
            else:
                waiting.done(turn)
                found.append((turn.row, "done"))
            return

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(len(urls))))
    assert sorted(row for row, _ in found) == list(range(len(urls)))
    return [outcome for _, outcome in sorted(found)]


def test_hosts_are_asked_in_turn():
    asked: list[str] = []
    urls = [f"http://{host}/{number}" for host in "abc" for number in range(3)]
    assert outcomes(urls, asked.append, threads=1) == ["done"] * 9
    assert [url[7] for url in asked] == list("abcabcabc")


def test_a_slow_host_does_not_hold_the_threads_of_others():
    ends = threading.Event()
    fast_done = []

    def work(url: str) -> None:
        if "slow" in url:
            assert ends.wait(30)
            return
        fast_done.append(url)
        if len(fast_done) == 40:
            ends.set()

    urls = [f"http://slow/{number}" for number in range(20)] + [
        f"http://fast{number % 3}/{number}" for number in range(40)
    ]
    assert outcomes(urls, work, threads=4) == ["done"] * 60


def test_no_host_is_asked_more_often_at_once_than_allowed_and_once_until_its_rules_are_known():
    lock, at_work, most, first = threading.Lock(), Counter[str](), Counter[str](), Counter[str]()

    def work(url: str) -> None:
        host = url.split("/")[2]
        with lock:
            at_work[host] += 1
            first[host] += 1
            assert at_work[host] == 1 or first[host] > 1
            most[host] = max(most[host], at_work[host])
            alone = first[host] == 1
        time.sleep(0.03 if alone else 0.005)
        with lock:
            assert not alone or at_work[host] == 1
            at_work[host] -= 1

    urls = [f"http://{host}/{number}" for number in range(10) for host in ("a", "b")]
    assert outcomes(urls, work) == ["done"] * 20
    assert most == {"a": 2, "b": 2}


def test_a_busy_host_is_left_alone_for_as_long_as_it_asks_and_then_answers():
    visits: list[float] = []

    def work(url: str) -> None:
        visits.append(time.monotonic())
        if len(visits) == 1:
            raise RefusedError("server_error", "HTTP 503", pause_s=0.2)

    assert outcomes(["http://a/0", "http://a/1"], work, retries=1) == ["done", "done"]
    assert len(visits) == 3
    assert visits[1] - visits[0] >= 0.2


def test_a_host_that_asks_for_a_pause_beyond_the_deadline_is_not_asked_again():
    visits: list[str] = []

    def work(url: str) -> None:
        visits.append(url)
        if "a" in url.split("/")[2]:
            raise RefusedError("server_error", "HTTP 503", pause_s=3600)

    began = time.monotonic()
    urls = [f"http://{host}/{number}" for number in range(20) for host in ("a", "b")]
    found = outcomes(urls, work, retries=1)
    assert Counter(found) == {"done": 20, "server_error": 1, "host_given_up": 19}
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("reason", ["timeout", "unreachable", "interrupted"])
def test_a_host_that_fails_again_and_again_is_given_up(reason):
    def work(url: str) -> None:
        raise RefusedError(reason)

    found = Counter(outcomes([f"http://a/{number}" for number in range(50)], work, threads=1))
    assert found == {reason: GIVE_UP_AFTER, "host_given_up": 50 - GIVE_UP_AFTER}


def test_a_host_that_says_no_is_well():
    def work(url: str) -> None:
        raise RefusedError("http_404")

    assert outcomes([f"http://a/{number}" for number in range(50)], work) == ["http_404"] * 50


def test_a_url_whose_server_fails_is_asked_as_often_as_allowed_while_others_of_its_host_go_on():
    visits: list[str] = []

    def work(url: str) -> None:
        visits.append(url)
        if url.endswith("/bad"):
            raise RefusedError("server_error", "HTTP 500")

    urls = ["http://a/bad", *(f"http://a/{number}" for number in range(5))]
    assert outcomes(urls, work, threads=1, retries=2) == ["server_error", *["done"] * 5]
    assert visits.count("http://a/bad") == 3
    assert visits.index("http://a/4") < [number for number, url in enumerate(visits) if url.endswith("bad")][1]


def test_addresses_that_are_none_and_files_have_their_turn_too():
    assert outcomes(["http://[bad/a", "", "file:///a.png", "file:///b.png"], lambda _: None) == ["done"] * 4
