"""Whether an image may be fetched for training, before it is asked for, and why: each decision is on record.

A refused URL is a reject with its reason (tasks.web.refusals); of a fetched one the column `consent` says why it was.
The headers of the answer are looked at too, by tasks.web.download.
"""

from typing import Literal

from tasks.web.host_rules import HostRules
from tasks.web.opt_out_list import OptOutList

Ground = Literal["own", "robots_txt", "no_robots_txt"]

GROUNDS: dict[Ground, str] = {
    "own": "The pipeline's own demo, or a file of a folder that was given as a source.",
    "robots_txt": "The host's robots.txt allows the address.",
    "no_robots_txt": "The host has no robots.txt (status 4xx), which allows everything (RFC 9309, 2.3.1.3).",
}


class Consent:
    """Asks everyone who may refuse: the opt-out list, the host's robots.txt, its tdmrep.json."""

    def __init__(self, hosts: HostRules, listed: OptOutList) -> None:
        self._hosts = hosts
        self._listed = listed

    def of(self, url: str, trusted: bool = False) -> Ground:
        """Why `url` may be fetched.

        Args:
            trusted: as for `download`; the crawl asked about these.

        Raises:
            RefusedError: it may not: opt_out_list, or as `HostRules.check`.
        """
        if trusted:
            return "own"
        self._listed.check(url)
        self._hosts.check(url)
        return "robots_txt" if self._hosts.has_robots_txt(url) else "no_robots_txt"
