"""From the answers to the figures of a study."""

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import SHARE, Curve, Line
from tasks.evaluate.statistics import expected_proportion, plain, proportion
from tasks.study.agreement import alpha_estimate, answer_counts, krippendorff_alpha
from tasks.study.answer_files import QUESTIONS
from tasks.study.answers import Answers
from tasks.study.figures import QuestionFigures, StudyFigures, StudyResults
from tasks.study.intervals import of_other_raters
from tasks.study.pairs import StudyKey, StudyPair
from tasks.study.plan import UNKNOWN_CORRELATION, counted, what_it_can_say
from tasks.study.power import power, sign_test

PREFERENCES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
NEITHER = 0.5
_VOTES = {"a": 1.0, "b": 0.0, None: NEITHER}


def study_results(key: StudyKey, answers: Answers) -> StudyResults:
    """What the answers say, and what so many could have said."""
    pairs = key.compared()
    questions = {name: _question(name, pairs, answers) for name in QUESTIONS}
    answered = {number for rows in answers.by_rater.values() for number in rows}
    rows = sum(map(len, answers.by_rater.values()))
    figures = StudyFigures(
        a=key.a,
        b=key.b,
        raters=len(answers.by_rater),
        pairs=len(answered),
        **questions,
    )
    return StudyResults(
        study=key.study,
        figures=figures,
        raters=answers.raters,
        rows=answers.rows,
        rows_counted=rows,
        rows_about_checks=answers.check_rows,
        left_out=answers.left_out,
    )


def _question(name: str, pairs: list[StudyPair], answers: Answers) -> QuestionFigures | None:
    """The figures of one question; None where nobody answered it."""
    votes, codes = _tables(name, pairs, answers)
    told = ~np.isnan(votes).all(0)
    if not told.any():
        return None
    wins, losses = (_voted(votes, vote) for vote in (1.0, 0.0))
    wins_a, wins_b = int((wins > losses)[told].sum()), int((wins < losses)[told].sum())
    counts = answer_counts(codes, len(QUESTIONS[name]))
    correlation = vote_correlation(votes)
    raters, answered = int((~np.isnan(votes)).any(1).sum()), int(told.sum())
    return QuestionFigures(
        majority=proportion([True] * wins_a + [False] * wins_b) if wins_a + wins_b else None,
        votes=expected_proportion(np.nanmean(votes[:, told], 0).tolist()),
        other_raters=of_other_raters(votes[(~np.isnan(votes)).any(1)]),
        wins_a=wins_a,
        wins_b=wins_b,
        ties=answered - wins_a - wins_b,
        p_value=plain(sign_test(wins_a, wins_b)),
        agreement=alpha_estimate(counts),
        correlation=correlation,
        power=_power_curve(raters, answered, correlation),
    )


def vote_correlation(votes: NDArray[np.float64]) -> float:
    """Correlation of two votes for A or B on one pair, at least 0; UNKNOWN_CORRELATION where votes cannot tell it.

    It is alpha of the votes as A or B, whose expected disagreement is that of the share of A. Alpha of the answers as
    left or right, which tells agreement, is larger where one side is preferred on all pairs.

    Args:
        votes: [raters, pairs] of 1 for A, 0 for B; others are left out.
    """
    alpha = krippendorff_alpha(np.stack([_voted(votes, 1.0), _voted(votes, 0.0)], 1))
    return UNKNOWN_CORRELATION if alpha is None else min(max(alpha, 0.0), 1.0)


def _tables(name: str, pairs: list[StudyPair], answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Votes for A (1, 0, or NEITHER), and the answers as given (their place in QUESTIONS): [raters, pairs] each."""
    votes = np.full((len(answers.by_rater), len(pairs)), np.nan)
    codes = votes.copy()
    for rater, rows in enumerate(answers.by_rater.values()):
        for column, pair in enumerate(pairs):
            answer = getattr(rows[pair.number], name) if pair.number in rows else None
            if answer is not None:
                votes[rater, column] = _VOTES[pair.chosen(answer)]
                codes[rater, column] = QUESTIONS[name].index(answer)
    return votes, codes


def _voted(votes: NDArray[np.float64], vote: float) -> NDArray[np.float64]:
    """How many raters gave this vote, for each pair."""
    return (votes == vote).sum(0).astype(np.float64)


def _power_curve(raters: int, pairs: int, correlation: float) -> Curve:
    chances = tuple(plain(power(raters, pairs, each, correlation)) for each in PREFERENCES)
    name = f"{counted(raters, 'rater')}, {counted(pairs, 'pair')}"
    line = Line(name=name, x=tuple(100 * each for each in PREFERENCES), y=chances)
    note = what_it_can_say(raters, pairs, correlation)
    return Curve(x_name="true preference for A, %", lines=(line,), unit=SHARE, from_zero=True, note=note)
