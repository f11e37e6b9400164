"""The rules of caption screening, in order: which captions each rejects, and the parameter that decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.screen_captions.grammar import many_nouns, missing_parts, strong_sentiment
from tasks.screen_captions.language import not_english
from tasks.screen_captions.lexicon import profanity, rare_words
from tasks.screen_captions.shape import (
    Verdict,
    few_characters,
    few_distinct_words,
    few_words,
    many_capitals,
    many_characters,
    many_words,
    much_repetition,
    small_start,
    stock_ends,
    stock_phrases,
)


@dataclass(frozen=True)
class CaptionRule:
    """A rule of caption screening. It is in force where its parameter has a value.

    Attributes:
        reason: the code under which rejected captions are counted and stored.
        parameter: a field of the stage's config.
        check: captions and the parameter's value → which to reject, and for each of these the value that decided.
    """

    reason: str
    parameter: str
    check: Callable[[pa.Array, Any], Verdict]


# The cheap ones first: a rule sees only what the rules before it let pass.
RULES = (
    CaptionRule("too_short", "min_characters", few_characters),
    CaptionRule("boilerplate", "max_boilerplate", stock_phrases),
    CaptionRule("too_short", "min_words", few_words),
    CaptionRule("too_long", "max_characters", many_characters),
    CaptionRule("too_long", "max_words", many_words),
    CaptionRule("boilerplate", "no_stock_ends", stock_ends),
    CaptionRule("not_capitalised", "capital_first", small_start),
    CaptionRule("capitalised", "max_capitals", many_capitals),
    CaptionRule("repetitive", "max_repetition", much_repetition),
    CaptionRule("repetitive", "min_distinct", few_distinct_words),
    CaptionRule("profane", "no_profanity", profanity),
    CaptionRule("not_english", "min_confidence", not_english),
    CaptionRule("rare_word", "min_zipf", rare_words),
    CaptionRule("part_missing", "parts", missing_parts),
    CaptionRule("too_many_nouns", "max_nouns", many_nouns),
    CaptionRule("strong_sentiment", "max_sentiment", strong_sentiment),
)
