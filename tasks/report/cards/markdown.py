"""Text of others in Markdown: names of sources and licences are what strangers wrote."""

import re

MARKS = re.compile(r"([\\`*_\[\]<>|#~!$&])")


def plain(text: str) -> str:
    """The text in one line, with every character that Markdown or HTML would take for a mark of its own escaped."""
    return MARKS.sub(r"\\\1", " ".join(text.split()))
