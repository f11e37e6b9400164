"""Lists of domains and addresses whose owners do not want them fetched: a text file, one a line."""

from collections.abc import Iterable
from typing import Self

from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.web.refusals import RefusedError
from tasks.web.urls import domain_of, host_in, url_key

SETTING = "fetch.opt_out_list"


class OptOutList:
    """A domain stands for itself and all below it, an address for itself, whether by http or https.

    Args:
        lines: each a domain (`example.com`), an address (`https://example.com/a.jpg`), empty, or a comment after `#`.

    Raises:
        ConfigError: a line is none of these.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._listed: set[str] = set()
        for number, line in enumerate(lines, start=1):
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            if (name := _compared(entry)) is None:
                raise ConfigError(
                    f"Line {number} of the list in {SETTING} is neither a domain nor an address: '{entry[:60]}'."
                )
            self._listed.add(name)

    @classmethod
    def read(cls, place: str) -> Self:
        """The list in a file, local or on S3.

        Raises:
            ConfigError: there is no such file, or a line of it is none of a list.
            StorageError: it cannot be read.
        """
        return cls(read_list(place).decode("utf-8-sig", errors="replace").splitlines())

    def check(self, url: str) -> None:
        """Returns if neither `url` nor its domain is on the list.

        Raises:
            RefusedError: opt_out_list, with the entry.
        """
        address = url_key(url)
        if address in self._listed:
            raise RefusedError("opt_out_list", "the address")
        labels = host_in(address).split(".")
        for first in range(len(labels)):
            if (domain := ".".join(labels[first:])) in self._listed:
                raise RefusedError("opt_out_list", domain)


def read_list(place: str) -> bytes:
    """The bytes of the file of a list.

    Raises:
        ConfigError: there is no such file.
        StorageError: it cannot be read.
    """
    try:
        return storage.read_bytes(place)
    except FileNotFoundError:
        raise ConfigError(f"There is no list {place}: check {SETTING}.") from None


def _compared(entry: str) -> str | None:
    """A line as URLs and their hosts are compared with it; None if it is neither a domain nor an address."""
    if "/" not in entry:
        return domain_of(entry)
    key = url_key(entry if "://" in entry else f"http://{entry}")
    return key if key.startswith("//") else None
