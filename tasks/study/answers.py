"""The raters' CSV files: every row is counted once, or left out with a reason."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.config import Frozen
from tasks.crawl.caption_files.decoding import decode, is_damaged
from tasks.errors import SourceError
from tasks.study.pairs import StudyKey

COLUMNS = ("study", "rater", "session", "pair", "realism", "caption", "seconds", "answered_at")
QUESTIONS = {"realism": ("left", "right"), "caption": ("left", "right", "neither")}
DELIMITERS = ",;\t"  # spreadsheets write what their country has
MOST_BYTES = 16 << 20
CHECKS_TO_PASS = 0.8  # the share of control items that Imagen's raters had to pass (Imagen, 3)
QUICK_S = 4.0  # the paper removed a rater with many answers below this (appendix F)


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


class LeftOut(Frozen):
    """Rows of one file that do not count, and why."""

    file: str
    rows: int
    why: str


class RaterAccount(Frozen):
    """What is known of a rater. `seconds` is the median for a pair; `checks_passed` is None without checks."""

    rater: str
    pairs: int
    seconds: float | None
    quick: int
    checks_passed: float | None


@dataclass(frozen=True)
class Answers:
    """All that counts, by rater and pair, without the checks; who the raters are; and what was left out.

    `rows` is the number of rows in the files: those that count, those about checks, and those left out.
    """

    by_rater: dict[str, dict[int, RaterAnswer]]
    raters: tuple[RaterAccount, ...]
    left_out: tuple[LeftOut, ...]
    rows: int
    check_rows: int


def read_answers(files: Sequence[Path], key: StudyKey) -> Answers:
    """What the files hold that counts.

    A rater is a name, whatever its case. Of several sets of answers under one name the one begun first counts; in one
    set the latest answer about a pair. So it does not matter in which order the files are given, or how often.
    A rater who passes less than CHECKS_TO_PASS of the checks is left out.

    Raises:
        SourceError: a file cannot be read, or nothing counts.
    """
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    rows: list[RaterAnswer] = []
    total = 0
    for file in files:
        before = total
        for said in _rows_of(file, key):
            total += 1
            if isinstance(said, str):
                reasons[str(file), said] += 1
            else:
                rows.append(said)
        if total == before:
            reasons[str(file), "the file has no answers"] = 0
    kept = _once(rows, reasons)
    checks = {pair.number: pair for pair in key.pairs if pair.of is not None}
    passed = {rater: _passed(each, key) for rater, each in kept.items()}
    for rater, share in passed.items():
        if share is not None and share < CHECKS_TO_PASS:
            for row in kept.pop(rater).values():
                reasons[row.file, f"{row.rater} passed {share:.0%} of the checks, not {CHECKS_TO_PASS:.0%}"] += 1
    counted = {r: {n: row for n, row in each.items() if n not in checks} for r, each in kept.items()}
    check_rows = sum(n in checks for each in kept.values() for n in each)
    left_out = tuple(LeftOut(file=file, rows=count, why=why) for (file, why), count in reasons.items())
    counted = {rater: each for rater, each in counted.items() if each}
    if not counted:
        why = "; ".join(f"{each.file}: {each.why}" for each in left_out[:3]) or "the files hold no rows"
        raise SourceError(f"No answer counts ({why}): name the CSV files that the page of this study saved.")
    raters = tuple(_account(each, passed[rater]) for rater, each in sorted(counted.items()))
    return Answers(counted, raters, left_out, total, check_rows)


def _rows_of(file: Path, key: StudyKey) -> Iterable[RaterAnswer | str]:
    """Each row, or why it does not count."""
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


def _once(rows: Sequence[RaterAnswer], reasons: dict[tuple[str, str], int]) -> dict[str, dict[int, RaterAnswer]]:
    """One row for each rater and pair, by rater in lower case; what does not count is added to the reasons."""
    begun: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        sessions = begun[row.rater.casefold()]
        sessions[row.session] = min(row.answered_at, sessions.get(row.session, row.answered_at))
    first = {rater: min((at, session) for session, at in sessions.items())[1] for rater, sessions in begun.items()}
    kept: dict[str, dict[int, RaterAnswer]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row.answered_at):
        rater = row.rater.casefold()
        if row.session != first[rater]:
            reasons[row.file, f"{row.rater} answered before: if these are two people, give them different names"] += 1
            continue
        if before := kept[rater].get(row.pair):
            same = (before.realism, before.caption) == (row.realism, row.caption)
            why = "the same answer is given twice" if same else "the answer was changed later"
            reasons[before.file, why] += 1
        kept[rater][row.pair] = row
    return dict(kept)


def _passed(answers: dict[int, RaterAnswer], key: StudyKey) -> float | None:
    """Share of the checks in which the whole picture was called the more realistic one."""
    said = [
        pair.chosen(answers[pair.number].realism or "") == "a"
        for pair in key.pairs
        if pair.of is not None and pair.number in answers
    ]
    return sum(said) / len(said) if said else None


def _account(answers: dict[int, RaterAnswer], passed: float | None) -> RaterAccount:
    seconds = [row.seconds for row in answers.values() if row.seconds is not None]
    return RaterAccount(
        rater=next(iter(answers.values())).rater,
        pairs=len(answers),
        seconds=round(median(seconds), 1) if seconds else None,
        quick=sum(each < QUICK_S for each in seconds),
        checks_passed=passed,
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
