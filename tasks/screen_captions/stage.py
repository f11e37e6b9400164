"""Cleans alt texts and keeps those that are English sentences. Section 2.3 of the paper."""

import html
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.screen_captions.boilerplate import BOILERPLATE
from tasks.screen_captions.config import Config


@stage(Config, version=1, reads={"candidates": {"candidates": schemas.CANDIDATES}})
def screen_captions(config: Config, output: Output, candidates: Artifact) -> None:
    """Repairs every alt text and keeps the captions that are English, not too short and not mostly boilerplate."""
    output.map(partial(screen_shard, config), candidates.files("candidates"))


def screen_shard(config: Config, uri: str) -> Shard:
    """The captions of one shard of candidates, and the rejected alt texts."""
    table = schemas.read_table(uri)
    captions = pa.array(map(clean, table["alt"].to_pylist()), pa.string())
    reasons, details = rejection_reasons(config, captions)
    table = table.append_column(schemas.CAPTIONS.field("caption"), captions)
    kept = pc.is_null(reasons)
    rejected = table.append_column("reason", reasons).append_column("detail", details).filter(pc.invert(kept))
    rejected = rejected.append_column(schemas.REJECTS.field("image"), pa.nulls(rejected.num_rows, pa.binary()))
    rejects = rejected.select(schemas.REJECTS.names).cast(schemas.REJECTS)
    return Shard(table.num_rows, {"captions": table.filter(kept).cast(schemas.CAPTIONS)}, rejects)


def clean(text: str) -> str:
    """Undoes wrong decodings and HTML escapes (twice: many pages escape twice), and makes all white space one space."""
    if _needs_repair(text):
        from ftfy import fix_text

        text = fix_text(html.unescape(html.unescape(text)))
    return " ".join(text.split())


UNSPACED_SCRIPTS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # no spaces between words


# Matches any text that the repair may change: one with a character beyond ASCII, an escape (&) or a control character.
_needs_repair: Callable[[str], Any] = re.compile(r"[^\t\n\r\x20-\x25\x27-\x7e]").search


def rejection_reasons(config: Config, captions: pa.Array) -> tuple[pa.Array, pa.Array]:
    """For each caption the first reason to reject it and the value that decided, or two nulls."""
    reasons: list[str | None] = [None] * len(captions)
    details: list[str | None] = [None] * len(captions)
    for reason, refused, detail in _shape_checks(config, captions):
        for index in pc.indices_nonzero(refused).to_pylist():
            if reasons[index] is None:
                reasons[index], details[index] = reason, detail(index)
    # Language identification is the slowest check, so only captions that passed the others undergo it.
    for index, caption in enumerate(captions.to_pylist()):
        if reasons[index] is None and (language := other_language(caption, config.min_confidence)):
            reasons[index], details[index] = "not_english", language
    return pa.array(reasons, pa.string()), pa.array(details, pa.string())


def _shape_checks(config: Config, captions: pa.Array) -> Iterator[tuple[str, pa.BooleanArray, Callable[[int], str]]]:
    """The checks in order: reason, mask of the captions that it rejects, and the detail for the caption at an index."""
    characters = pc.utf8_length(captions)
    words = pc.add(pc.count_substring(captions, " "), pc.cast(pc.not_equal(characters, 0), pa.int32()))
    other = pc.utf8_length(pc.replace_substring_regex(captions, BOILERPLATE, ""))
    own_share = pc.divide(pc.cast(other, pa.float64()), pc.max_element_wise(pc.cast(characters, pa.float64()), 1.0))
    stock_percent = pc.cast(pc.round(pc.multiply(pc.subtract(1.0, own_share), 100)), pa.int32())
    few_words = pc.and_not(pc.less(words, config.min_words), pc.match_substring_regex(captions, UNSPACED_SCRIPTS))

    def say(values: pa.Array, unit: str) -> Callable[[int], str]:
        return lambda index: f"{values[index].as_py()} {unit}"

    yield "too_short", pc.less(characters, config.min_characters), say(characters, "characters")
    yield "boilerplate", pc.less(own_share, 1 - config.max_boilerplate), say(stock_percent, "% stock phrases")
    yield "too_short", few_words, say(words, "words")
    yield "too_long", pc.greater(characters, config.max_characters), say(characters, "characters")
    yield "too_long", pc.greater(words, config.max_words), say(words, "words")


def other_language(caption: str, min_confidence: float) -> str | None:
    """The language of a caption that is not English, with cld3's confidence; None if it is English or uncertain.

    On a few words cld3 is often confident and wrong: "a 3D emoji of grapes" is Catalan with 0.999. A caption in Latin
    letters is therefore identified a second time, after "a picture of", and must again be another language. For a
    caption of mostly other letters the first result is enough, whatever its confidence.
    """
    language, confidence = _identify(caption)
    if language == "en" or (confidence < min_confidence and _is_latin(caption)):
        return None
    if _is_latin(caption) and _identify(f"a picture of {caption}")[0] == "en":
        return None
    return f"{language} {confidence:.2f}"


def _is_latin(caption: str) -> bool:
    letters = [character for character in caption if character.isalpha()]
    # The Latin blocks are below 0x250; 0x1E00 to 0x1EFF are the further letters of Vietnamese and others.
    latin = sum(character < "\u0250" or "\u1e00" <= character < "\u1f00" for character in letters)
    return 2 * latin >= len(letters)


def _identify(text: str) -> tuple[str, float]:
    found = _identifier().FindLanguage(text)
    return found.language, found.probability


@cache
def _identifier() -> Any:
    import gcld3

    # From 0 to 1000 bytes. By default cld3 identifies no text below 140 bytes, which most captions are.
    return gcld3.NNetLanguageIdentifier(0, 1000)
