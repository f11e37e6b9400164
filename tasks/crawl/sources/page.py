"""Reads the images, links and directives of an HTML page from a stranger: as a stream, bounded in memory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from lxml import etree
from w3lib.encoding import html_body_declared_encoding, html_to_unicode, http_content_type_encoding
from w3lib.url import safe_url_string

from tasks.crawl.candidates import MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS
from tasks.crawl.splits import split_named
from tasks.web.connection import RefusedError
from tasks.web.download import absolute, without_credentials
from tasks.web.opt_out import AGENT_TOKEN, TDM, directives

MAX_LINKS = 5_000  # of a page
MAX_IMAGES = 10_000  # of a page
MAX_ATTRIBUTE_CHARACTERS = 20_000  # of attributes that are searched for something

# Scripts that load images when they come into view read one of these attributes; `src` is a placeholder then.
LAZY_URLS = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-url")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
PLACEHOLDER = re.compile(
    r"(?:blank|placeholder|spacer|transparent|loading|1x1|pixel)[^/]*\.(?:gif|png|svg|jpe?g|webp)$"
)
# Encodings of Python that no browser knows. Decoding punycode takes quadratic time: hours for a page of 10 MB.
NOT_OF_THE_WEB = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
SET_MEMBER = re.compile(r"(\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|\Z)")
REFRESH = re.compile(r"^\s*[\d.]*\s*[;,]?\s*url\s*=\s*[\"']?([^\"'>]+)", re.IGNORECASE)


class PageImage(NamedTuple):
    """An `img` as it is written. Longer URLs and alt texts than the limits are cut to one character more.

    Attributes:
        split: train or validation, if its `data-split` names one.
    """

    url: str
    alt: str | None
    split: str | None = None


@dataclass
class Page:
    """What a page holds; URLs as they are written, to be made absolute by `resolve`.

    Attributes:
        links_beyond, images_beyond: how many were left out, because there are too many on the page.
    """

    url: str
    base: str | None = None
    images: list[PageImage] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    licence: str | None = None
    directives: set[str] = field(default_factory=set)
    links_beyond: int = 0
    images_beyond: int = 0

    def resolve(self, reference: str) -> str:
        """The absolute URL, without credentials; the start of `reference` if it cannot be one."""
        try:
            base = absolute(self.url, self.base or "")
            return safe_url_string(without_credentials(absolute(base, without_credentials(reference))))[
                : MAX_URL_CHARACTERS + 1
            ]
        except (RefusedError, ValueError):
            return without_credentials(reference)[:100]


def read_page(url: str, body: bytes, content_type: str) -> Page:
    """The page of these bytes. Raises whatever its parser raises."""
    text = _text(body, content_type).replace("\0", "")
    # A stream of elements instead of a tree: deep nesting loses nothing, and memory does not grow with the page.
    parser = etree.HTMLParser(target=_Reader(Page(url)), huge_tree=True)
    parser.feed(text)
    page = parser.close() if text.strip() else Page(url)
    assert isinstance(page, Page)
    return page


def _text(body: bytes, content_type: str) -> str:
    declared = http_content_type_encoding(content_type) or html_body_declared_encoding(body) or ""
    if declared.replace("-", "_") in NOT_OF_THE_WEB:
        content_type = "text/html; charset=utf-8"
    return html_to_unicode(content_type, body)[1]


class _Reader:
    """A target of lxml's parser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sources: list[Mapping[str, str]] | None = None  # of the picture element that is open

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "img":
            self._image(attributes)
        elif tag in ("a", "area"):
            self._link(attributes)
        elif tag == "meta":
            self._meta(attributes)
        elif tag == "picture":
            self.sources = []
        elif tag == "source" and self.sources is not None and len(self.sources) < 100:
            self.sources.append(attributes)
        elif tag == "base" and self.page.base is None:
            self.page.base = attributes.get("href", "")[:MAX_URL_CHARACTERS].strip() or None
        if tag in ("a", "link") and self.page.licence is None and "license" in _words(attributes.get("rel")):
            self.page.licence = attributes.get("href", "")[:MAX_URL_CHARACTERS].strip() or None

    def end(self, tag: str) -> None:
        if tag == "picture":
            self.sources = None

    def close(self) -> Page:
        return self.page

    def _image(self, attributes: Mapping[str, str]) -> None:
        if len(self.page.images) == MAX_IMAGES:
            self.page.images_beyond += 1
            return
        alt = attributes.get("alt")
        source = image_source(attributes, self.sources or [])
        alt = None if alt is None else alt[: MAX_ALT_CHARACTERS + 1]
        self.page.images.append(PageImage(source, alt, split_named(attributes.get("data-split", ""))))

    def _link(self, attributes: Mapping[str, str]) -> None:
        if "href" in attributes and "nofollow" not in _words(attributes.get("rel")):
            self._note(attributes["href"])

    def _note(self, reference: str) -> None:
        if len(self.page.links) == MAX_LINKS:
            self.page.links_beyond += 1
        elif len(reference) <= MAX_URL_CHARACTERS:
            self.page.links.append(reference.strip())

    def _meta(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "").strip().lower()
        content = attributes.get("content", "")[:MAX_ATTRIBUTE_CHARACTERS]
        if name in ("robots", AGENT_TOKEN):
            self.page.directives |= directives([content])
        elif name == TDM and content.strip() == "1":
            self.page.directives.add(TDM)
        elif attributes.get("http-equiv", "").strip().lower() == "refresh" and (target := REFRESH.match(content)):
            self._note(target[1])


def image_source(image: Mapping[str, str], sources: list[Mapping[str, str]]) -> str:
    """The address of the image that a browser shows in the end, as it is written.

    Args:
        image: attributes of the `img`.
        sources: attributes of each `source` before it in its `picture`.
    """
    lazy = chain(
        (image.get(name, "") for name in LAZY_URLS),
        (_largest(element.get(name, "")) for element in (image, *sources) for name in LAZY_SETS),
    )
    shown = image.get("src", "").strip()
    later = (_largest(element.get("srcset", "")) for element in (image, *sources))
    preferred = chain(lazy, [shown] if not PLACEHOLDER.search(shown[-200:].lower()) else [], later)
    usable = (source.strip() for source in preferred if source.strip() and not source.strip().startswith("data:"))
    source = next(usable, shown)
    return source[:100] if source.startswith("data:") else source[: MAX_URL_CHARACTERS + 1]


def _largest(srcset: str) -> str:
    """The member of a `srcset` with the greatest width or density."""
    members = SET_MEMBER.findall(srcset[:MAX_ATTRIBUTE_CHARACTERS])
    return max(members, key=lambda member: _number(member[1]), default=("", ""))[0]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _words(value: str | None) -> list[str]:
    return (value or "")[:1000].lower().split()
