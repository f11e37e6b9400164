"""What can be taken down: an address, the content of an image, or a domain."""

import re
from typing import Literal
from urllib.parse import urlsplit

from models.config import Frozen
from tasks.crawl.candidates import IMAGE_SCHEMES
from tasks.errors import ConfigError
from tasks.web.download import without_credentials
from tasks.web.urls import domain_of

DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
EXPECTED = "name an address (https://…), the SHA-256 of an image (64 hex digits) or a domain (example.org)"


class Takedown(Frozen):
    """One thing that is left out of the pairs.

    Attributes:
        value: of a url the address of an image or of a page; of a sha256 the digest of an image's bytes, as they were
            served or are stored; of a domain its name in ASCII, which stands for all in it too.
    """

    kind: Literal["url", "sha256", "domain"]
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


def takedown_of(text: str) -> Takedown:
    """What a person named.

    Raises:
        ConfigError: it is no address, digest or domain.
    """
    text = text.strip()
    if (digest := DIGEST.fullmatch(text)) is not None:
        return Takedown(kind="sha256", value=digest[1].lower())
    if "://" in text:
        return Takedown(kind="url", value=_address(text))
    if (domain := domain_of(text)) is not None:
        return Takedown(kind="domain", value=domain)
    raise ConfigError(f"'{without_credentials(text)[:200]}' cannot be taken down: {EXPECTED}.")


def _address(text: str) -> str:
    address = without_credentials(text)
    try:
        parts = urlsplit(address)
        names_a_host = bool(parts.hostname)
    except ValueError:
        parts, names_a_host = urlsplit(""), False
    is_web = address.lower().startswith(IMAGE_SCHEMES)
    if (is_web and not names_a_host) or not (names_a_host or parts.path.strip("/")):
        raise ConfigError(f"'{address[:200]}' is no whole address: {EXPECTED}.")
    return address
