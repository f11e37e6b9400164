"""Reads the images of a page from its record in a WAT file, Common Crawl's JSON of what it found on the page."""

import json
from collections.abc import Iterator
from email.message import Message
from typing import Any

from tasks.crawl.caption_files.decoding import printable
from tasks.crawl.sources.page import Page, PageReader
from tasks.web.opt_out import header_directives

MARK = b'"HTML-Metadata"'  # in the record of a page, and in no other


def read_wat(url: str, record: bytes) -> Page | None:
    """The page that a record describes; None if it was not fetched. By the rules of tasks.crawl.sources.page.

    A WAT file names the `src` of an image and not its `srcset` or lazy addresses.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    response = _inner(json.loads(record.decode(errors="replace")), "Envelope", "Payload-Metadata")
    response = _inner(response, "HTTP-Response-Metadata")
    if _inner(response, "Response-Message").get("Status") != "200":
        return None
    reader = PageReader(Page(url))
    for tag, attributes in _elements(_inner(response, "HTML-Metadata")):
        reader.start(tag, attributes)
    page = reader.close()
    page.directives |= header_directives(_headers(_inner(response, "Headers")))
    return page


def _elements(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Tag and attributes of the elements that the record lists."""
    head = _inner(found, "Head")
    yield "base", _texts({"href": head.get("Base")})
    for meta in _list(head, "Metas"):
        yield "meta", _texts(meta)
    for link in [*_list(head, "Link"), *_list(found, "Links")]:
        kind = str(link.get("path", ""))
        if kind.startswith("IMG@") and kind.endswith("src"):
            yield "img", _texts({"src": link.get("url"), "alt": link.get("alt")})
        elif "rel" in link:
            yield "link", _texts({"href": link.get("url"), "rel": link["rel"]})


def _headers(values: dict[str, Any]) -> Message:
    headers = Message()
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            headers[name] = printable(str(one))
    return headers


def _inner(value: Any, *names: str) -> dict[str, Any]:
    """The object in an object in an object …; an empty one if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    members = value.get(name)
    return [member for member in members if isinstance(member, dict)] if isinstance(members, list) else []


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: printable(value) for name, value in values.items() if isinstance(value, str)}
