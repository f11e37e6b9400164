"""Reads an archived page through a tree, which is fast and knows figures; by the rules of tasks.crawl.sources.page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from selectolax.lexbor import LexborHTMLParser, LexborNode
from w3lib.encoding import http_content_type_encoding

from tasks.crawl.caption_files.decoding import printable
from tasks.crawl.sources.page import Page, PageReader, decoded, read_page

# What the reader of pages looks at, without the links, which nobody follows in an archive.
ELEMENTS = "img, base, meta, [rel~='license' i]"
JSON_LD = "script[type='application/ld+json' i]"
JSON_VALUES = 10_000  # of a page's JSON-LD are looked at
ANCESTORS = 10  # between an image and its figure

# The time for a tree grows with the square of the open elements, and of the attributes in one tag: seconds for the
# worst page within these limits, hours for one of 10 MB.
SMALL_BYTES = 100_000
MOST_ELEMENTS = 10_000
TAG_WINDOW = 25_000


@dataclass(frozen=True)
class ImagesWanted:
    """Which images of an archived page become references, and with which texts.

    Attributes:
        without_alt: also those whose `alt` is missing or blank; else they are counted only.
        figcaption: the caption of its figure is the text of an image whose `alt` is missing or blank.
        json_ld: also each `ImageObject` of JSON-LD that has a caption or description.
    """

    without_alt: bool = True
    figcaption: bool = False
    json_ld: bool = True


ALL_IMAGES = ImagesWanted()


def read_archived_page(url: str, body: bytes, content_type: str, wanted: ImagesWanted) -> Page:
    """The page of these bytes, its links left out. JSON-LD and figures of an unusually large page are not read.

    Raises whatever the parsers raise.
    """
    if not _may_hold_images(body, wanted):
        return Page(url)
    if len(body) > SMALL_BYTES and _is_slow_as_a_tree(body):
        return read_page(url, body, content_type)
    reader = PageReader(Page(url))
    tree = LexborHTMLParser(_in_utf8(body, content_type))
    captions = FigureCaptions() if wanted.figcaption else None
    for node in tree.css(f"{ELEMENTS}, {JSON_LD}" if wanted.json_ld else ELEMENTS):
        tag = node.tag or ""
        if tag == "script":
            for image in _json_ld_images(node.text()):
                reader.image(image)
            continue
        if tag != "img":
            reader.start(tag, _attributes(node))
            continue
        attributes = node.attributes
        if captions is not None and not (attributes.get("alt") or "").strip() and (caption := captions.of(node)):
            attributes["alt"] = caption
        reader.image(attributes, _sources(node))
    return reader.close()


def _may_hold_images(body: bytes, wanted: ImagesWanted) -> bool:
    """Whether a parse can find an image: almost always the first search tells. UTF-16 and 32 have NULs in between."""
    if b"<img" in body or b"\0" in body:
        return True
    lower = body.lower()
    return b"<img" in lower or b"<image" in lower or (wanted.json_ld and b"ld+json" in lower)


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """The page in UTF-8, without NULs; one of ASCII that is said to be UTF-8 is so already."""
    if body.isascii() and http_content_type_encoding(content_type) == "utf-8" and b"\0" not in body:
        return body
    return decoded(body, content_type).encode(errors="replace")


def _is_slow_as_a_tree(body: bytes) -> bool:
    tags = body.count(b"<")
    if tags > MOST_ELEMENTS and tags - body.count(b"</") > MOST_ELEMENTS:
        return True
    # A tag twice as long as a window covers one: this has no >, and the last < before it is open.
    windows = range(0, len(body) - TAG_WINDOW, TAG_WINDOW)
    without_end = (begin for begin in windows if body.find(b">", begin, begin + TAG_WINDOW) < 0)
    return any(body.rfind(b"<", 0, begin) > body.rfind(b">", 0, begin) for begin in without_end)


def _attributes(node: LexborNode) -> dict[str, str]:
    found = node.attributes
    if None in found.values():  # of those written without a value
        found = {name: value or "" for name, value in found.items()}
    return cast(dict[str, str], found)


def _sources(image: LexborNode) -> Sequence[Mapping[str, str]]:
    """Attributes of each `source` before the image in its `picture`."""
    parent = image.parent
    if parent is None or parent.tag != "picture":
        return ()
    found: list[Mapping[str, str]] = []
    node = image.prev
    while node is not None and len(found) < 100:
        if node.tag == "source":
            found.insert(0, _attributes(node))
        node = node.prev
    return found


class FigureCaptions:
    """The captions of a page's figures, each read once."""

    def __init__(self) -> None:
        self.found: dict[int, str] = {}  # by the identity of the figure

    def of(self, image: LexborNode) -> str:
        """The caption of the figure around an image, white space collapsed; empty without one."""
        node = image.parent
        for _ in range(ANCESTORS):
            if node is None:
                break
            if node.tag == "figure":
                if node.mem_id not in self.found:
                    caption = node.css_first("figcaption")
                    self.found[node.mem_id] = " ".join(caption.text().split()) if caption is not None else ""
                return self.found[node.mem_id]
            node = node.parent
        return ""


def _json_ld_images(text: str) -> Iterator[dict[str, str]]:
    """Attributes as of an `img`, for each captioned `ImageObject` in JSON-LD; none if it is no JSON."""
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    for _ in range(JSON_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed([inner for inner in value.values() if isinstance(inner, list | dict)]))
            if image := _image_object(value):
                yield image


def _image_object(value: dict[str, Any]) -> dict[str, str] | None:
    kinds = value.get("@type")
    if "ImageObject" not in (kinds if isinstance(kinds, list) else [kinds]):
        return None
    url, caption = (
        next((said for name in names if isinstance(said := value.get(name), str) and said.strip()), "")
        for names in (("contentUrl", "url"), ("caption", "description"))
    )
    return {"src": printable(url), "alt": printable(caption)} if url and caption else None
