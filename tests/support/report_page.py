"""A page of the report as a browser and a person take it."""

import re
from html.parser import HTMLParser

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.report.cards.files import CROISSANT, DATA_CARD, MODEL_CARD

BESIDE = {MODEL_CARD, DATA_CARD, CROISSANT}  # which a page may link to: files that are written with it


class Page(HTMLParser):
    """What a browser would ask for, and what a person would read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.images: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden = tag in ("style", "script")
        values = {name: value or "" for name, value in attrs}
        names = ("src", "href", "srcset", "action", "data", "poster", "xlink:href")
        self.addresses += [values[name] for name in names if name in values]
        if tag == "img" or "pic" in values.get("class", "").split():
            self.images.append(values.get("alt") or values.get("title") or values.get("aria-label", ""))

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data + " "


def written(artifact: Artifact) -> tuple[str, dict]:
    html = storage.read_bytes(artifact.file("index.html")).decode()
    return html, storage.read_json(artifact.file("report.json"))


def assert_readable(html: str) -> Page:
    page = Page(html)
    assert not re.search(r"\b(nan|NaN|inf|None|Undefined)\b", page.text)
    assert all(address.startswith(("data:", "#")) or address in BESIDE for address in page.addresses)
    return page
