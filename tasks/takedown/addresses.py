"""Addresses in the one form in which they are compared, however they are written."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from w3lib.url import canonicalize_url

from tasks.crawl.candidates import IMAGE_SCHEMES
from tasks.web.download import without_credentials

HOST = r"^\s*[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(?P<host>\[[^\]]*\]|[^/?#:]*)"
DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=100_000)
def host_key(host: str) -> str:
    """A host as requests name it: lower case, an IDN in its ASCII form (RFC 3490), without a dot or brackets around."""
    host = host.strip().strip("[]").rstrip(".").lower()
    try:
        return host.encode("idna").decode()
    except UnicodeError:  # no host name, but one that can stand in a table
        return host


def address_key(url: str) -> str:
    """An address as it is compared.

    Of a web address that is what the crawl makes of it — escapes, host and credentials in one form, no fragment — and
    besides it does not matter whether it is http or https, which port is the default, or how the query is ordered.
    Another address, such as one of a folder's file, is compared as it is.
    """
    url = without_credentials(url.strip())
    if not url.lower().startswith(IMAGE_SCHEMES):
        return url
    try:
        parts = urlsplit(canonicalize_url(url, keep_blank_values=True))
        port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
        host = host_key(parts.hostname or "")
    except (ValueError, KeyError):  # such as a port that is no number
        return url
    return f"//{host}{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def hosts(urls: pa.Array) -> Any:
    """The host of each address as it is written in it; null where there is none."""
    return pc.struct_field(pc.extract_regex(urls, HOST), "host")
