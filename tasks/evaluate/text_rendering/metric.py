"""How often words that prompts ask for can be read, beside what the OCR can read at all and what it reads by chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples, Row
from tasks.evaluate.quantities import SHARE, Baseline, Estimate, Part, Picked, Picks, Pictures, Question
from tasks.evaluate.statistics import mean_share, plain, proportion, proportion_of_groups
from tasks.evaluate.text_rendering.spelling import asked_words, character_error_rate, plain_words
from tasks.evaluate.text_rendering.trial import Readings

SHOWN = 24  # prompts
OTHERS = 16  # prompts for other words whose pictures each prompt is compared with: all of a short list


class ReadExactly(Part):
    """Share of pictures in which exactly the words asked for are read, nothing else. Case and punctuation do not count.
    Intervals are over prompts."""

    best: Estimate = Field(title="best by the ranker")
    uncurated: Estimate = Field(title="any one drawn")
    rebuilt: Estimate | None = Field(title="set in type, rebuilt from codes")
    rendered: Estimate = Field(title="set in type")
    by_chance: Baseline | None = Field(
        title="pictures of other words", description="How often a prompt's words are read in pictures of another's."
    )


class CharacterErrors(Part):
    """Characters to insert, delete or replace, for each one asked for: 0% is right; 100% is nothing right, and the most
    that counts. Means over prompts."""

    best: Estimate = Field(title="best by the ranker")
    uncurated: Estimate = Field(title="any one drawn")
    rebuilt: Estimate | None = Field(title="set in type, rebuilt from codes")
    rendered: Estimate = Field(title="set in type")
    by_chance: Baseline | None = Field(title="pictures of other words")


class TextRendering(Part):
    """An OCR reads the pictures of prompts that ask for words in quotes. The same words set in type, as large as fits,
    say what it can read at this size at most, and after the image tokenizer what codes can keep of letters. Pictures of
    other words say what is read by chance. Where even type is hardly read, a low share says nothing of the drawings.
    """

    question = Question.DRAWS

    ocr: str = Field(title="the OCR")
    exact: ReadExactly = Field(title="Read exactly")
    errors: CharacterErrors = Field(title="Character error rate")
    unread: Estimate = Field(title="drawings in which nothing is read")
    drawings: Pictures = Field(
        title="Words asked for, and what is read",
        description="Of the first prompts of the list the drawing that came first, then the best by score.",
    )


@dataclass(frozen=True)
class Asked:
    """Words asked for, with what is read in each of the pictures of them: of samples, best first."""

    words: str
    read: Sequence[str]

    @property
    def exact(self) -> list[bool]:
        return [each == self.words for each in self.read]

    @property
    def errors(self) -> list[float]:
        return [character_error_rate(self.words, each) for each in self.read]


def measure(evidence: Evidence) -> TextRendering | None:
    """None without an OCR, or where no prompt asks for words."""
    prompts = [prompt for prompt in evidence.prompts if prompt.best["words_read"] is not None]
    trial = evidence.probes.ocr
    if trial is None or not prompts:
        return None
    asked = [_asked(prompt.rows) for prompt in prompts]
    rendered, rebuilt = (_of_readings(each) for each in (trial.rendered, trial.rebuilt))
    return TextRendering(
        ocr=trial.model,
        exact=ReadExactly(
            best=proportion([each.exact[0] for each in asked]),
            uncurated=proportion_of_groups([each.exact for each in asked]),
            rebuilt=proportion_of_groups([each.exact for each in rebuilt]) if rebuilt else None,
            rendered=proportion_of_groups([each.exact for each in rendered]),
            by_chance=_by_chance(asked, lambda mixed: mixed.exact),
        ),
        errors=CharacterErrors(
            best=mean_share([each.errors[0] for each in asked]),
            uncurated=_mean_errors(asked),
            rebuilt=_mean_errors(rebuilt) if rebuilt else None,
            rendered=_mean_errors(rendered),
            by_chance=_by_chance(asked, lambda mixed: mixed.errors),
        ),
        unread=proportion_of_groups([[not read for read in each.read] for each in asked]),
        drawings=Pictures(prompts=tuple(map(_picks, prompts[:SHOWN]))),
    )


def _asked(rows: Sequence[Row]) -> Asked:
    words = asked_words(rows[0]["prompt"])
    assert words is not None  # or nothing would have been read
    return Asked(words, [plain_words(row["words_read"]) for row in rows])


def _of_readings(readings: Readings) -> list[Asked]:
    return [Asked(words, list(map(plain_words, read))) for words, read in readings.items()]


def _mean_errors(asked: Sequence[Asked]) -> Estimate:
    return mean_share([float(np.mean(each.errors)) for each in asked])


def _by_chance(asked: Sequence[Asked], measured: Callable[[Asked], Sequence[float]]) -> Baseline | None:
    """The mean over prompts if the pictures of each were those of prompts for other words; None without such."""
    found = []
    for place, own in enumerate(asked):
        others = islice((o for o in [*asked[place:], *asked[:place]] if o.words != own.words), OTHERS)
        if values := [value for other in others for value in measured(Asked(own.words, other.read))]:
            found.append(float(np.mean(values)))
    return Baseline(value=plain(float(np.mean(found))), unit=SHARE) if found else None


def _picks(prompt: RankedSamples) -> Picks:
    return Picks(prompt=prompt.best["prompt"], samples=(_picked(prompt.first), _picked(prompt.best)))


def _picked(row: Row) -> Picked:
    read = _asked([row])
    said = f"read: {row['words_read']}" if read.read[0] else "nothing read"
    return Picked(prompt_id=row["prompt_id"], index=row["index"], said=said, is_right=read.exact[0])
