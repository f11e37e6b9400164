"""The raters' answers: every row of their files is counted once, or left out with a reason."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.config import Frozen
from tasks.errors import SourceError
from tasks.study.answer_files import RaterAnswer, rows_of
from tasks.study.pairs import StudyKey

CHECKS_TO_PASS = 0.8  # the share of control items that Imagen's raters had to pass (Imagen, 3)
QUICK_S = 4.0  # the paper removed a rater with many answers below this (appendix F)


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
        for said in rows_of(file, key):
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
