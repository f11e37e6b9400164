"""What a study found, in the quantities that the report draws."""

from pathlib import Path

from pydantic import Field

from models.config import Frozen
from tasks.errors import SourceError
from tasks.evaluate.quantities import Baseline, Curve, Estimate, Part
from tasks.study.answers import LeftOut, RaterAccount

RESULTS = "results.json"


class QuestionFigures(Part):
    """A pair goes to the side that most raters chose there; a tie goes to neither side. The first two intervals are for
    other such pairs and these raters; the third is for other raters like these too.
    """

    majority: Estimate | None = Field(
        None,
        title="Pairs that A wins by majority",
        description="Of the pairs that are not tied. Exact (Clopper-Pearson) interval: other such pairs, these raters.",
    )
    votes: Estimate = Field(
        title="Votes for A, these raters",
        description="Neither counts half. Interval by the scatter over pairs: other such pairs, these raters.",
    )
    other_raters: Estimate | None = Field(
        None,
        title="Votes for A, other raters too",
        description="The same share; the interval also holds other raters like these, by their scatter (Student's t).",
    )
    even: Baseline = Field(Baseline(value=0.5, unit="share"), title="no preference")
    wins_a: int = Field(title="Pairs for A")
    wins_b: int = Field(title="Pairs for B")
    ties: int = Field(title="Tied pairs")
    p_value: float = Field(title="p-value", description="Two-sided sign test over the pairs that are not tied.")
    agreement: Estimate | None = Field(
        None,
        title="Krippendorff's alpha",
        description="Of the answers as given: left, right, neither. 1 is full agreement, 0 chance. "
        "Interval by the bootstrap over pairs.",
    )
    correlation: float = Field(
        title="Correlation of votes", description="Of two raters on one pair; the power is computed with it."
    )
    power: Curve = Field(
        title="What this many raters and pairs find",
        description="The chance that the sign test finds a true preference for A, with the correlation of these votes.",
    )


class StudyFigures(Part):
    """People saw two pictures of one caption, blinded and in random order. They said which is more realistic and which
    matches the caption better.
    """

    a: str = Field(title="A")
    b: str = Field(title="B")
    raters: int = Field(title="Raters")
    pairs: int = Field(title="Pairs with an answer")
    realism: QuestionFigures | None = Field(None, title="More realistic")
    caption: QuestionFigures | None = Field(None, title="Matches the caption better")


class StudyResults(Frozen):
    """results.json: the figures, the raters, and the account of all rows.

    `rows` is the sum of the rows that are counted, those about checks, and those in `left_out`.
    """

    study: str
    figures: StudyFigures
    raters: tuple[RaterAccount, ...]
    rows: int
    rows_counted: int
    rows_about_checks: int
    left_out: tuple[LeftOut, ...]


class StudySection(Part):
    """A section of the report."""

    study: StudyFigures = Field(title="Human study")


def read_results(file: Path) -> StudyResults:
    """What `dalle study read` wrote.

    Raises:
        SourceError: the file is not there, or not such a file.
    """
    try:
        return StudyResults.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} is no {RESULTS} of this version: write it with `dalle study read`.") from error
