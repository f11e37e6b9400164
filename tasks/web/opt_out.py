"""Directives for crawlers: X-Robots-Tag, robots meta tags and W3C's TDM Reservation Protocol."""

import json
import re
from collections.abc import Iterable
from email.message import Message
from urllib.parse import unquote, urlsplit

AGENT_TOKEN = "dalle-pipeline"  # the name by which robots.txt, X-Robots-Tag and meta tags may address this crawler
OPT_OUT_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})
NOFOLLOW_DIRECTIVES = frozenset({"nofollow", "none"})
TDM = "tdm-reservation"

DIRECTIVES_WITH_VALUES = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
WORD = re.compile(r"(?<![\w-])([a-z_][\w-]*)\s*(:?)")  # a colon behind a word makes it the name of a crawler
MAX_RULES = 1000


def directives(values: Iterable[str]) -> set[str]:
    """The directives for all crawlers or for this one among header or meta values.

    Commas or spaces stand between directives. What follows the name of another crawler is for that one.
    """
    found = set()
    for value in values:
        agent = ""
        for word, colon in WORD.findall(value.lower()):
            if colon and word not in DIRECTIVES_WITH_VALUES:
                agent = word
            elif agent in ("", AGENT_TOKEN):
                found.add(word)
    return found


def header_directives(headers: Message) -> set[str]:
    """The directives of a response's headers; a TDM reservation is one of them."""
    reserved = any(value.strip() == "1" for value in headers.get_all(TDM) or [])
    return directives(headers.get_all("X-Robots-Tag") or []) | ({TDM} if reserved else set())


def opt_out(found: set[str]) -> str | None:
    """The first by name of the directives that forbid use for training, or None."""
    return min(found & (OPT_OUT_DIRECTIVES | {TDM}), default=None)


def reserved_paths(tdmrep: bytes) -> list[tuple[re.Pattern[str], bool]]:
    """The rules of a `/.well-known/tdmrep.json`, in their order: paths, and whether these are reserved.

    A file that cannot be understood has no rules.
    """
    try:
        rules = json.loads(tdmrep.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return []
    return [
        (_pattern(rule["location"]), str(rule.get(TDM)).strip() in ("1", "1.0", "True"))
        for rule in (rules if isinstance(rules, list) else [rules])[:MAX_RULES]
        if isinstance(rule, dict) and isinstance(rule.get("location"), str)
    ]


def _pattern(location: str) -> re.Pattern[str]:
    """A path as in robots.txt: a prefix, in which * stands for any characters, and $ at its end for the end."""
    end = "" if not location.endswith("$") else r"\Z"
    pieces = re.split(r"\*+", unquote(location.removesuffix("$")))
    # Atomic groups: a pattern with many stars would else be tried in exponentially many ways.
    body = re.escape(pieces[0]) + "".join(
        (f"(?>.*?{re.escape(piece)})" if number < len(pieces) - 1 or not end else f".*{re.escape(piece)}")
        for number, piece in enumerate(pieces[1:], start=1)
    )
    return re.compile(body + end, re.DOTALL)


def is_reserved(rules: list[tuple[re.Pattern[str], bool]], url: str) -> bool:
    """Whether the first rule that matches the URL's path reserves it."""
    parts = urlsplit(url)
    path = unquote(parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return next((reserved for pattern, reserved in rules if pattern.match(path)), False)
