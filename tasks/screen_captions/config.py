"""Which captions are worth learning from."""

from typing import Any, Literal

from pydantic import Field

from tasks.engine.stage import StageConfig
from tasks.screen_captions.profiles import PROFILES
from tasks.screen_captions.transform.config import TransformConfig

NO_RULES = frozenset({"profile", "transform"})  # fields that are no parameters of rules


class Config(StageConfig):
    """Which captions are worth learning from: a profile, and what is to differ from it.

    A parameter that is not given has the profile's value, and if the profile has none, its rule is not in force.
    """

    profile: Literal["dalle", "cc3m", "cc12m", "datacomp"] = Field(
        "dalle", description="The rules of which data set: DALL·E, Conceptual Captions, Conceptual 12M, DataComp."
    )
    min_characters: int | None = Field(None, ge=1, description="Captions of fewer characters are rejected.")
    max_boilerplate: float | None = Field(
        None, ge=0, le=1, description="Share of a caption's characters that may be stock phrases, dates, file names."
    )
    min_words: int | None = Field(None, ge=1, description="Captions of fewer words are rejected.")
    max_characters: int | None = Field(None, ge=1, description="Captions of more characters are rejected.")
    max_words: int | None = Field(None, ge=1, description="Captions of more words are rejected.")
    no_stock_ends: bool | None = Field(
        None, description='Whether captions that begin or end as "profile photo" does are rejected.'
    )
    capital_first: bool | None = Field(None, description="Whether the first word must begin with a capital letter.")
    max_capitals: float | None = Field(
        None, ge=0, le=1, description="Share of the words that may begin with a capital letter."
    )
    max_repetition: float | None = Field(
        None, ge=0, le=1, description="Share of the words, function words aside, that may have been there before."
    )
    min_distinct: float | None = Field(None, ge=0, le=1, description="Different words needed for each word.")
    no_profanity: bool | None = Field(None, description="Whether captions with profane words are rejected.")
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="Confidence of cld3 that rejects another language than English."
    )
    min_zipf: float | None = Field(
        None, ge=0, le=8, description="Every word must be so frequent in English: log10 of its count in 1e9 words."
    )
    parts: tuple[Literal["determiner", "noun", "preposition"], ...] | None = Field(
        None, description="Parts of speech that a caption must have."
    )
    max_nouns: float | None = Field(None, ge=0, le=1, description="Share of the words that may be nouns.")
    max_sentiment: float | None = Field(
        None, ge=0, le=1, description="How far from 0 a caption's sentiment may be, from -1 (bad) to 1 (good)."
    )
    transform: TransformConfig | None = Field(
        None, description="If set, names and dates are taken out of the captions that the rules let pass."
    )

    @property
    def in_force(self) -> dict[str, Any]:
        """The parameters of the rules that are in force."""
        given = {name: value for name, value in self if value is not None}
        values = {**PROFILES[self.profile], **given}
        return {name: value for name, value in values.items() if name not in NO_RULES and value is not False}

    def require(self) -> None:
        """What the transformation needs is there, if it is on.

        Raises:
            ConfigError: WordNet, spaCy or its model is not.
        """
        if self.transform is not None:
            self.transform.require()

    def fingerprinted(self) -> dict[str, Any]:
        """What is in force: a profile, and the same values written out, are the same."""
        return (
            self.in_force if self.transform is None else self.in_force | {"transform": self.transform.fingerprinted()}
        )

    def outside_state(self) -> str:
        """What identifies WordNet and the tagger of the transformation; empty if it is off.

        Raises:
            ConfigError: as `require`.
        """
        return "" if self.transform is None else self.transform.outside_state()
