"""Text of others in Markdown: names of sources and licences are what strangers wrote."""

import html
import re

MARKS = re.compile(r"([\\`*_\[\]|#])")


def plain(text: str) -> str:
    """The text in one line, so that neither Markdown nor HTML takes any of it for a mark of its own."""
    return MARKS.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
