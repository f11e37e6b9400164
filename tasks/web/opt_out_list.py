"""Lists of domains and addresses whose owners do not want them fetched: a text file, one a line."""

from collections.abc import Iterable
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.web.refusals import RefusedError

SETTING = "fetch.opt_out_list"
DEFAULT_PORTS = {"http": 80, "https": 443}


class OptOutList:
    """A domain stands for itself and all below it, an address for itself, whether by http or https.

    Args:
        lines: each a domain (`example.com`), an address (`https://example.com/a.jpg`), empty, or a comment after `#`.

    Raises:
        ConfigError: a line is none of these.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._domains: set[str] = set()
        self._addresses: set[str] = set()
        for number, line in enumerate(lines, start=1):
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            try:
                self._add(entry)
            except ValueError:
                raise ConfigError(
                    f"Line {number} of the list in {SETTING} is neither a domain nor an address: '{entry[:60]}'."
                ) from None

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
            RefusedError: opt_out_list, with the entry; bad_url.
        """
        try:
            address = _address(url)
            host = _host(urlsplit(url).hostname or "")
        except ValueError as error:
            raise RefusedError("bad_url", str(error)) from None
        if address in self._addresses:
            raise RefusedError("opt_out_list", "the address")
        labels = host.split(".")
        for first in range(len(labels)):
            if (domain := ".".join(labels[first:])) in self._domains:
                raise RefusedError("opt_out_list", domain)

    def _add(self, entry: str) -> None:
        if "/" in entry:
            self._addresses.add(_address(entry if "://" in entry else f"http://{entry}"))
            return
        domain = _host(entry.removeprefix("*").removeprefix("."))
        if "." not in domain or " " in domain or urlsplit(f"//{domain}").hostname != domain:
            raise ValueError
        self._domains.add(domain)


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


def _host(name: str) -> str:
    """A host name as it is compared.

    Raises:
        ValueError: no host can have this name.
    """
    return name.rstrip(".").encode("idna").decode().lower()


def _address(url: str) -> str:
    """An address as it is compared: without its scheme, default port, user name and fragment.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    host = _host(parts.hostname or "")
    if not host:
        raise ValueError("no host")
    port = f":{parts.port}" if parts.port not in (None, DEFAULT_PORTS.get(parts.scheme)) else ""
    path = quote(unquote(parts.path or "/", errors="surrogateescape"), errors="surrogateescape")
    return f"{host}{port}{path}?{parts.query}" if parts.query else f"{host}{port}{path}"
