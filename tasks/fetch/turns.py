"""Whose turn it is to be asked: one host after the other, few downloads at once from each, and pauses where it is busy.

A thread that is free takes the next URL of a host that may be asked now, so a slow or busy host holds no thread that
another could use.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tasks.web.download import PAUSE_S
from tasks.web.refusals import RefusedError

GIVE_UP_AFTER = 8  # failures of a host in a row
FAILURES = ("timeout", "unreachable", "interrupted")


@dataclass(eq=False)
class Host:
    """One host's URLs that wait, and how it is doing. Times are of `time.monotonic`."""

    waiting: deque["Turn"] = field(default_factory=deque)
    at_work: int = 0
    at_most: int = 1  # until its robots.txt was asked for, which others would have to wait for
    free_at: float = 0.0
    failures: int = 0  # in a row
    given_up: str | None = None  # why
    queued: bool = False  # among those that are free or pausing


@dataclass(eq=False)
class Turn:
    """A URL whose turn it is, by its row in the list."""

    row: int
    url: str
    host: Host
    attempt: int = 1
    not_before: float = 0.0

    def check(self) -> None:
        """Returns if the host is still to be asked.

        Raises:
            RefusedError: host_given_up.
        """
        if self.host.given_up is not None:
            raise RefusedError("host_given_up", self.host.given_up)


class Turns:
    """Gives every URL of a list its turn. Safe for use by several threads, each of which takes one turn at a time.

    Args:
        at_once: downloads from one host.
        retries: further turns of a URL whose server fails.
        longest_pause_s: a host that asks for a longer one is given up.
    """

    def __init__(self, urls: Sequence[str], at_once: int, retries: int, longest_pause_s: float) -> None:
        self._at_once = at_once
        self._retries = retries
        self._longest_pause_s = longest_pause_s
        self._changed = threading.Condition()
        hosts: dict[str, Host] = {}
        for row, url in enumerate(urls):
            host = hosts.setdefault(_host(url), Host())
            host.waiting.append(Turn(row, url, host))
        self._free: deque[Host] = deque()  # in the order in which they are to be asked
        self._pausing: list[tuple[float, int, Host]] = []  # a heap: until when; the number orders equal times
        self._pauses = 0
        for host in hosts.values():
            self._queue(host)

    def take(self) -> Turn:
        """The next turn; waits for one if no host may be asked now.

        To be called once for each URL, and again after each `refused` that says so.
        """
        with self._changed:
            while True:
                now = time.monotonic()
                while self._pausing and self._pausing[0][0] <= now:
                    self._free.append(heapq.heappop(self._pausing)[2])
                while self._free:
                    host = self._free.popleft()
                    host.queued = False
                    if not host.waiting or (host.at_work >= host.at_most and host.given_up is None):
                        continue  # `_leave` brings it back
                    until = max(host.free_at, host.waiting[0].not_before)
                    if until > now and host.given_up is None:
                        self._pauses += 1
                        heapq.heappush(self._pausing, (until, self._pauses, host))
                        host.queued = True
                        continue
                    host.at_work += 1
                    self._queue(host)
                    self._changed.notify()
                    return host.waiting.popleft()
                self._changed.wait(self._pausing[0][0] - now if self._pausing else None)

    def done(self, turn: Turn) -> None:
        """Ends a turn that gave an answer."""
        with self._changed:
            turn.host.failures = 0
            self._leave(turn.host)

    def refused(self, turn: Turn, refusal: RefusedError) -> bool:
        """Ends a turn that was refused; returns whether the URL gets another."""
        host = turn.host
        with self._changed:
            now = time.monotonic()
            busy = refusal.pause_s is not None
            if not busy and refusal.reason not in FAILURES:
                host.failures = 0
            elif host.free_at <= now:  # what others were told before the pause began is no further failure
                host.failures += 1
            if refusal.pause_s is not None:
                self._pause(host, now, refusal.pause_s)
            if host.failures >= GIVE_UP_AFTER:
                host.given_up = f"{host.failures} failures in a row, the last one {refusal.reason}"
            again = refusal.reason == "server_error" and turn.attempt <= self._retries and host.given_up is None
            if again:
                turn.not_before = now + turn.attempt * PAUSE_S
                turn.attempt += 1
                host.waiting.append(turn)
            self._leave(host)
        return again

    def _pause(self, host: Host, now: float, asked_for_s: float) -> None:
        """Leaves a busy host alone for as long as it asks, and longer each time."""
        if asked_for_s > self._longest_pause_s:
            host.given_up = f"asks for a pause of {asked_for_s:.0f} s"
        pause_s = max(asked_for_s, min(PAUSE_S * 2 ** (host.failures - 1), self._longest_pause_s))
        host.free_at = max(host.free_at, now + pause_s)

    def _leave(self, host: Host) -> None:
        host.at_work -= 1
        host.at_most = self._at_once
        self._queue(host)
        self._changed.notify()

    def _queue(self, host: Host) -> None:
        if not host.queued:
            host.queued = True
            self._free.append(host)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
