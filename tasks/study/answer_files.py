"""One rater's CSV file, as the page of a study saves it or a spreadsheet saves it again."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks.crawl.caption_files.decoding import decode, is_damaged
from tasks.errors import SourceError
from tasks.study.pairs import StudyKey

COLUMNS = ("study", "rater", "session", "pair", "realism", "caption", "seconds", "answered_at")
QUESTIONS = {"realism": ("left", "right"), "caption": ("left", "right", "neither")}
DELIMITERS = ",;\t"  # spreadsheets write what their country has
MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class RaterAnswer:
    """One row: what a rater answered about one pair; None for a question without an answer."""

    file: str
    rater: str
    session: str
    pair: int
    realism: str | None
    caption: str | None
    seconds: float | None
    answered_at: str


def rows_of(file: Path, key: StudyKey) -> Iterable[RaterAnswer | str]:
    """Each row of a file, or why it does not count.

    Raises:
        SourceError: the file cannot be read, or is no text.
    """
    text = _text(file)
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names, *rows = [[name.strip().lower() for name in next(reader, [])], *reader]
    except csv.Error as error:
        raise SourceError(f"{file} is no CSV file ({error}): name one that the page of this study saved.") from error
    missing = [name for name in COLUMNS if name not in names]
    for cells in rows:
        if not any(map(str.strip, cells)):
            continue
        if missing:
            yield f"the file has no column {', '.join(missing)}"
        elif len(cells) != len(names):
            yield "the row has more or fewer cells than the first line"
        else:
            yield _answer(str(file), dict(zip(names, map(str.strip, cells), strict=True)), key)


def _answer(file: str, row: dict[str, str], key: StudyKey) -> RaterAnswer | str:
    if row["study"] != key.study:
        return f"the answers are of another study, not of {key.study}"
    if not row["rater"] or not row["session"]:
        return "the row names no rater"
    if not row["pair"].isdecimal() or int(row["pair"]) not in {pair.number for pair in key.pairs}:
        return "the study has no such pair"
    given = {question: row[question].lower() or None for question in QUESTIONS}
    for question, answers in QUESTIONS.items():
        if given[question] is not None and given[question] not in answers:
            return f"an answer about {question} is none of {', '.join(answers)}"
    if not any(given.values()):
        return "the row has no answer"
    rater = " ".join(row["rater"].split())
    seconds = _seconds(row["seconds"])
    return RaterAnswer(
        file, rater, row["session"], int(row["pair"]), **given, seconds=seconds, answered_at=row["answered_at"]
    )


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SourceError(f"{file} is larger than {MOST_BYTES >> 20} MiB: name a rater's CSV file.")
        text, encoding = decode(file.read_bytes())
    except OSError as error:
        raise SourceError(f"Cannot read {file} ({error.strerror}): name a rater's CSV file.") from error
    if is_damaged(text):
        raise SourceError(f"{file} is no text in {encoding}: name a rater's CSV file.")
    return text
