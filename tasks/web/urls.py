"""URLs and host names in the one form in which they are compared, however they are written."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from w3lib.url import canonicalize_url

from tasks.web.addresses import is_ip
from tasks.web.download import without_credentials

# Of http://user@www.example.com:8080/a.jpg the group is www.example.com.
HOST = r"^\s*[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(?P<host>\[[^\]]*\]|[^/?#:]*)"
DOMAIN = re.compile(r"(?:[a-z0-9_][a-z0-9_-]{0,62}\.)+[a-z][a-z0-9-]{0,62}")
DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=100_000)
def host_key(host: str) -> str:
    """A host as requests name it: lower case, an IDN in its ASCII form (RFC 3490), without a dot or brackets around."""
    host = host.strip().strip("[]").rstrip(".").lower()
    try:
        return host.encode("idna").decode()
    except UnicodeError:  # no host name, but one that can stand in a table
        return host


def url_key(url: str) -> str:
    """A URL as it is compared; of a web address it begins with `//`.

    Of a web address that is what the crawl makes of it — escapes, host and credentials in one form, no fragment — and
    besides it does not matter whether it is http or https, which port is the default, or how the query is ordered.
    Another one, such as that of a folder's file, is compared as it is.
    """
    url = without_credentials(url.strip())
    if not url.lower().startswith(("http://", "https://")):
        return url
    try:
        parts = urlsplit(canonicalize_url(url, keep_blank_values=True))
        port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    except ValueError:  # such as a port that is no number
        return url
    if not (host := host_key(parts.hostname or "")):
        return url
    name = f"[{host}]" if ":" in host else host
    return f"//{name}{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def host_in(url: str) -> str:
    """The host of a URL, or of its key, as it is compared; empty where there is none."""
    try:
        return host_key(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def domain_of(text: str) -> str | None:
    """The domain or IP address that a person named, as hosts are compared; `*.` in front of it changes nothing.

    None if it is neither.
    """
    domain = host_key(text.removeprefix("*").removeprefix("."))
    return domain if DOMAIN.fullmatch(domain) or is_ip(domain) else None


def hosts(urls: pa.Array) -> Any:
    """The host of each URL as it is written in it; null where there is none."""
    return pc.struct_field(pc.extract_regex(urls, HOST), "host")
