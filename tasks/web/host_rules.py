"""The rules of hosts for crawlers: robots.txt (RFC 9309) and tdmrep.json, one policy for pages and for images."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from protego import Protego

from tasks.web.connection import Limits
from tasks.web.download import Response, download, retried, without_credentials
from tasks.web.opt_out import AGENT_TOKEN, TDM, is_reserved, reserved_paths
from tasks.web.refusals import RefusedError

# RFC 9309, section 2.5, demands that at least 500 KiB are parsed.
LIMITS = Limits(timeout_s=5, deadline_s=10, max_bytes=500 * 1024, cut=True)
ATTEMPTS = 2
TDM_FILE = "/.well-known/tdmrep.json"
KEPT_S = 24 * 3600  # RFC 9309, section 2.4: no longer
REFUSAL_KEPT_S = 600  # of a host whose robots.txt could not be had
MOST_KEPT = 150_000_000  # bytes that the rules of all hosts may take, about
HOST_BYTES = 2_000  # for a host without rules
PARSED = 30  # times as much as their text is what parsed rules take


@dataclass(frozen=True)
class Rules:
    """What one host says.

    Attributes:
        stated: whether there is a robots.txt.
        size: what it takes, bytes, about.
    """

    robots: Protego
    reserved: list[tuple[re.Pattern[str], bool]]
    stated: bool
    size: int


@dataclass
class _Asked:
    """What is known of a host, from the moment that it is asked on."""

    rules: Future[Rules | RefusedError] = field(default_factory=Future)
    until: float = float("inf")
    size: int = 0


class HostRules:
    """The rules of every host that is asked about; each host is asked once a day. Safe for use by several threads.

    Memory is bounded: hosts that were not asked about for longest are forgotten.

    Args:
        private_host: host and port of the one site that may be on a private address, because the config names it.
        limits: of the download of robots.txt and tdmrep.json.
        deadline: when to refuse hosts that were not asked yet, on the clock of `time.monotonic`.
    """

    def __init__(self, private_host: str = "", limits: Limits = LIMITS, deadline: float = float("inf")) -> None:
        self._private_host = private_host
        self._limits = limits
        self._deadline = deadline
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def check_robots(self, url: str) -> None:
        """Returns if robots.txt allows `url`.

        After RFC 9309, section 2.3.1, a host without a robots.txt (status 4xx) allows everything, and one whose
        robots.txt cannot be fetched (status 5xx twice, no answer, too many redirects) allows nothing.

        Raises:
            RefusedError: robots_disallowed, robots_unavailable, bad_url, private_host, or timeout after the deadline.
        """
        rules = self._rules(url)
        try:
            allowed = rules.robots.can_fetch(url, AGENT_TOKEN)
        except Exception as error:  # whatever a parser raises for bytes of a stranger
            raise RefusedError("bad_url", type(error).__name__) from None
        if not allowed:
            raise RefusedError("robots_disallowed", "robots.txt")

    def is_reserved(self, url: str) -> bool:
        """Whether the host's tdmrep.json reserves `url`.

        Raises:
            RefusedError: as `check_robots`, if the host's rules cannot be had.
        """
        return is_reserved(self._rules(url).reserved, url)

    def has_robots_txt(self, url: str) -> bool:
        """Whether the host has a robots.txt.

        Raises:
            RefusedError: as `check_robots`, if the host's rules cannot be had.
        """
        return self._rules(url).stated

    def check(self, url: str) -> None:
        """Returns if the host allows to fetch `url` for training.

        Raises:
            RefusedError: as `check_robots`; opted_out.
        """
        self.check_robots(url)
        if self.is_reserved(url):
            raise RefusedError("opted_out", f"{TDM} in tdmrep.json")

    def _rules(self, url: str) -> Rules:
        host = host_of(url)
        with self._lock:
            asked = self._asked.get(host)
            first = asked is None or asked.until < time.monotonic()
            if first:
                self._forget(host)
                asked = self._asked[host] = _Asked()
            assert asked is not None
            self._asked.move_to_end(host)
        if first:
            try:
                self._note(host, asked, self._ask(host))
            except BaseException as error:
                asked.rules.set_exception(error)
                raise
        rules = asked.rules.result()
        if isinstance(rules, RefusedError):
            raise RefusedError(rules.reason, rules.detail)
        return rules

    def _note(self, host: str, asked: _Asked, rules: Rules | RefusedError) -> None:
        kept_s = REFUSAL_KEPT_S if isinstance(rules, RefusedError) else KEPT_S
        with self._lock:
            asked.until = time.monotonic() + kept_s
            if self._asked.get(host) is asked:  # and not forgotten meanwhile
                asked.size = HOST_BYTES if isinstance(rules, RefusedError) else rules.size
                self._size += asked.size
            while self._size > MOST_KEPT:
                self._forget(next(iter(self._asked)))
        asked.rules.set_result(rules)

    def _forget(self, host: str) -> None:
        if (asked := self._asked.pop(host, None)) is not None:
            self._size -= asked.size

    def _ask(self, host: str) -> Rules | RefusedError:
        if time.monotonic() > self._deadline:
            return RefusedError("timeout", "the time for the crawl was over before its robots.txt was asked for")
        stated = True
        try:
            robots = self._file(host, "/robots.txt")
        except RefusedError as refusal:
            if not refusal.detail.startswith("HTTP 4"):
                return _unavailable(refusal)
            robots, stated = b"", False
        try:
            parsed = Protego.parse(_whole_lines(robots, self._limits.max_bytes).decode("utf-8-sig", errors="replace"))
        except Exception as error:  # whatever a parser raises for bytes of a stranger
            return RefusedError("robots_unavailable", f"robots.txt cannot be parsed: {type(error).__name__}")
        try:
            tdmrep = self._file(host, TDM_FILE)
        except RefusedError:
            tdmrep = b""
        size = HOST_BYTES + PARSED * (len(robots) + len(tdmrep))
        return Rules(parsed, reserved_paths(tdmrep), stated, size)

    def _file(self, host: str, path: str) -> bytes:
        private = urlsplit(host).netloc == self._private_host
        limits = replace(self._limits, allow_private_hosts=self._limits.allow_private_hosts or private)
        stay = staying_on(self._private_host) if private else None

        def attempt() -> Response:
            if time.monotonic() > self._deadline:
                raise RefusedError("timeout", "the time for the crawl was over")
            return download(host + path, limits, before_redirect=stay, obey_opt_out=False)

        return retried(attempt, ATTEMPTS, self._limits.deadline_s).body


def host_of(url: str) -> str:
    """Scheme, host and port of a URL: the scope of one robots.txt.

    Raises:
        RefusedError: bad_url.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise RefusedError("bad_url", str(error)) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise RefusedError("bad_url", without_credentials(url)[:100])
    return f"{parts.scheme}://{parts.netloc}"


def staying_on(host_and_port: str) -> Callable[[str], None]:
    """A check of redirects, for `download`: refuses those to other hosts, as `elsewhere`."""

    def check(url: str) -> None:
        if urlsplit(host_of(url)).netloc != host_and_port:
            raise RefusedError("elsewhere", without_credentials(url)[:200])

    return check


def _unavailable(refusal: RefusedError) -> RefusedError:
    if refusal.reason in ("private_host", "bad_url"):
        return refusal
    return RefusedError("robots_unavailable", f"{refusal.reason} {refusal.detail}")


def _whole_lines(text: bytes, limit: int) -> bytes:
    """Without the last line, if that was cut: half a path would be another rule."""
    return text if len(text) < limit else text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1]
