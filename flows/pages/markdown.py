"""Pieces of markdown: tables, cells that hold text of the web, pictures."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.engine import storage

PICTURE_PIXELS = 96


def thumbnail(data: bytes, words: str, pixels: int = PICTURE_PIXELS) -> str:
    """An inline thumbnail; an empty string if the bytes cannot be decoded (a reject may hold any bytes)."""
    from PIL import Image

    from models.training.errors import DataError
    from models.training.images import decode

    try:
        image = Image.fromarray(decode(data, at_least=pixels))
    except DataError:
        return ""
    image.thumbnail((pixels, pixels))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{encoded}" title="{attribute(words)}" width="{pixels}">'


def link(uri: str) -> str:
    """A file of an artifact: a link where a browser can open it."""
    return f"`{uri}`" if storage.is_local(uri) else f"[{uri}]({uri})"


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table; whoever makes the cells escapes them."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(text: str, limit: int) -> str:
    """Crawled text, shortened, and escaped for a markdown table cell; an address in it is no link to click on.

    By backslashes alone: Prefect's pages show numeric character references as they are written.
    """
    short = " ".join(text.split())
    short = short if len(short) <= limit else short[: limit - 1] + "…"
    short = re.sub(r"([\\`*_\[\]|@]|(?<=:)/|(?<=www)\.)", r"\\\1", short, flags=re.IGNORECASE)
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def example(row: Mapping[str, Any], picture: bytes | None) -> str:
    """A rejected row in a table cell: its picture, its caption, address or id, and what decided."""
    shown = thumbnail(picture, row["caption"] or "", pixels=40) if picture else ""
    words = (row["caption"] or "").strip() or row["url"] or row["pair_id"]
    detail = f" *{cell(row['detail'], 60)}*" if row["detail"] else ""
    return f"{shown}{cell(words, 80)}{detail}"


def attribute(text: str) -> str:
    """Text for an attribute of an HTML element in markdown."""
    return " ".join(text.split()).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")[:120]
