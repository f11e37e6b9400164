"""Reads the images, links and directives of an HTML page from a stranger: as a stream, bounded in memory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from lxml import etree
from w3lib.encoding import html_body_declared_encoding, html_to_unicode, http_content_type_encoding
from w3lib.url import safe_url_string

from tasks.crawl.candidates import IMAGE_SCHEMES, MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS
from tasks.crawl.splits import split_named
from tasks.web.download import absolute, without_credentials
from tasks.web.opt_out import AGENT_TOKEN, TDM, directives
from tasks.web.refusals import RefusedError

HTML_TYPES = ("text/html", "application/xhtml+xml")
MAX_LINKS = 5_000  # of a page
MAX_IMAGES = 10_000  # of a page
MAX_ATTRIBUTE_CHARACTERS = 20_000  # of attributes that are searched for something
FED_CHARACTERS = 65_536  # that the parser takes at once
MOST_LOOKED_AT = 300_000_000  # open elements, for all end tags of a page: a second

# Scripts that load images when they come into view read one of these attributes; `src` is a placeholder then.
LAZY_URLS = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-url")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
ELSEWHERE = frozenset({*LAZY_URLS, *LAZY_SETS, "srcset"})  # where an address other than `src` can stand
PLACEHOLDER = re.compile(
    r"(?:blank|placeholder|spacer|transparent|loading|1x1|pixel)[^/]*\.(?:gif|png|svg|jpe?g|webp)$"
)
# Encodings of Python that no browser knows. Decoding punycode takes quadratic time: hours for a page of 10 MB.
NOT_OF_THE_WEB = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
SET_MEMBER = re.compile(r"(\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|\Z)")
# Addresses and paths that joining and quoting leave as they are: most of all, so they skip that work.
SITE = re.compile(r"https?://(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,63}(?=/)")
PATH = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~=&-]+)?"
PLAIN = re.compile(f"(?:{SITE.pattern})?/?{PATH}")
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
        """The absolute URL, without credentials; the start of `reference` if it cannot be one.

        To be called when the page is read: `base` must not change any more.
        """
        if PLAIN.fullmatch(reference) is None:
            return self._resolve(reference)
        if reference.startswith(IMAGE_SCHEMES):
            return reference[: MAX_URL_CHARACTERS + 1]
        before = self._origin if reference[0] == "/" else self._folder
        return (before + reference)[: MAX_URL_CHARACTERS + 1] if before else self._resolve(reference)

    @cached_property
    def _folder(self) -> str:
        """What stands before a plain path without a slash at its start; empty for a page without a web address."""
        folder = self._resolve("x").removesuffix("x")
        return folder if folder.startswith(IMAGE_SCHEMES) else ""

    @cached_property
    def _origin(self) -> str:
        """The same for one with a slash."""
        if self.base is None and (site := SITE.match(self.url)) is not None:
            return site[0]
        origin = self._resolve("/x").removesuffix("/x")
        return origin if origin.startswith(IMAGE_SCHEMES) else ""

    def _resolve(self, reference: str) -> str:
        try:
            base = absolute(self.url, self.base or "")
            return safe_url_string(without_credentials(absolute(base, without_credentials(reference))))[
                : MAX_URL_CHARACTERS + 1
            ]
        except (RefusedError, ValueError):
            return without_credentials(reference)[:100]


def is_html(content_type: str) -> bool:
    """Whether a `Content-Type` says that a page follows."""
    return content_type.partition(";")[0].strip().lower() in HTML_TYPES


class PageTooDeepError(Exception):
    """A page would take its parser minutes, because of end tags within very many open elements."""


def read_page(url: str, body: bytes, content_type: str) -> Page:
    """The page of these bytes.

    Raises:
        PageTooDeepError: a page made to take long. Beyond that, whatever its parser raises.
    """
    text = decoded(body, content_type)
    # A stream of elements instead of a tree: deep nesting loses nothing, and memory does not grow with the page.
    reader = PageReader(Page(url))
    parser = etree.HTMLParser(target=reader, huge_tree=True)
    # An end tag is looked for among all open elements. That work is bounded, and not the time or the depth, so that the
    # same pages are read on every machine, and those that nest deeply without end tags too.
    begin = looked_at = 0
    while begin < len(text):
        end = begin + min(FED_CHARACTERS, MOST_LOOKED_AT // (reader.depth + 1) + 1)
        looked_at += text.count("</", begin, end) * reader.depth
        if looked_at > MOST_LOOKED_AT:
            raise PageTooDeepError(f"end tags among {reader.depth} open elements")
        parser.feed(text[begin:end])
        begin = end
    page = parser.close() if text.strip() else Page(url)
    assert isinstance(page, Page)
    return page


def decoded(body: bytes, content_type: str) -> str:
    """The text of a page by the encoding that its header, its byte order mark or itself declares, without NULs."""
    declared = http_content_type_encoding(content_type) or html_body_declared_encoding(body) or ""
    if declared.replace("-", "_") in NOT_OF_THE_WEB:
        content_type = "text/html; charset=utf-8"
    text: str = html_to_unicode(content_type, body)[1]
    return text.replace("\0", "") if "\0" in text else text


class PageReader:
    """Notes what counts among the elements of a page, in whichever way they are found. A target of lxml's parser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sources: list[Mapping[str, str]] | None = None  # of the picture element that is open
        self.depth = 0  # open elements

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """The start tag of any element."""
        self.depth += 1
        if tag == "img":
            self.image(attributes, self.sources or ())
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
        """The end of any element."""
        self.depth -= 1
        if tag == "picture":
            self.sources = None

    def close(self) -> Page:
        """The page."""
        return self.page

    def image(self, attributes: Mapping[str, str | None], sources: Sequence[Mapping[str, str]] = ()) -> None:
        """An `img`; an attribute without a value may be None. For `sources` see `image_source`."""
        if len(self.page.images) == MAX_IMAGES:
            self.page.images_beyond += 1
            return
        source = image_source(attributes, sources)
        alt = (attributes["alt"] or "")[: MAX_ALT_CHARACTERS + 1] if "alt" in attributes else None
        split = split_named(attributes["data-split"] or "") if "data-split" in attributes else None
        self.page.images.append(PageImage(source, alt, split))

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


def image_source(image: Mapping[str, str | None], sources: Sequence[Mapping[str, str]]) -> str:
    """The address of the image that a browser shows in the end, as it is written.

    Args:
        image: attributes of the `img`.
        sources: attributes of each `source` before it in its `picture`.
    """
    shown = (image.get("src") or "").strip()
    if not sources and ELSEWHERE.isdisjoint(image):
        return shown if len(shown) < 100 else _cut(shown)
    lazy = chain(
        (image.get(name) or "" for name in LAZY_URLS),
        (_largest(element.get(name) or "") for element in (image, *sources) for name in LAZY_SETS),
    )
    later = (_largest(element.get("srcset") or "") for element in (image, *sources))
    preferred = chain(lazy, [shown] if not PLACEHOLDER.search(shown[-200:].lower()) else [], later)
    usable = (source.strip() for source in preferred if source.strip() and not source.strip().startswith("data:"))
    return _cut(next(usable, shown))


def _cut(source: str) -> str:
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
