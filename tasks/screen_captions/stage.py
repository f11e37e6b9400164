"""Cleans alt texts and keeps those that are English sentences. Section 2.3 of the paper."""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.screen_captions.boilerplate import BOILERPLATE, LEADING, TRAILING
from tasks.screen_captions.config import Config
from tasks.screen_captions.language import other_language


@stage(Config, version=2, reads={"candidates": {"candidates": schemas.CANDIDATES}})
def screen_captions(config: Config, output: Output, candidates: Artifact) -> None:
    """Repairs every alt text and keeps the captions that are English, not too short and not mostly boilerplate."""
    output.map(partial(screen_shard, config), candidates.files("candidates"))


def screen_shard(config: Config, uri: str) -> Shard:
    """The captions of one shard of candidates, and the rejected alt texts."""
    table = schemas.read_table(uri)
    captions = cleaned(table["alt"].to_pylist())
    reasons, details = rejection_reasons(config, captions)
    table = table.append_column(schemas.CAPTIONS.field("caption"), captions)
    kept = pc.is_null(reasons)
    rejected = table.append_column("reason", reasons).append_column("detail", details).filter(pc.invert(kept))
    rejected = rejected.append_column(schemas.REJECTS.field("image"), pa.nulls(rejected.num_rows, pa.binary()))
    rejects = rejected.select(schemas.REJECTS.names).cast(schemas.REJECTS)
    return Shard(table.num_rows, {"captions": table.filter(kept).cast(schemas.CAPTIONS)}, rejects)


def cleaned(texts: Iterable[str]) -> pa.Array:
    """Captions of alt texts: repaired, and without credits at their ends, unless there is nothing else."""
    captions = pa.array(map(clean, texts), pa.string())
    cut = captions
    for pattern in (LEADING, TRAILING):
        cut = pc.replace_substring_regex(cut, pattern, "")
    return pc.if_else(pc.equal(cut, ""), captions, cut)


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
