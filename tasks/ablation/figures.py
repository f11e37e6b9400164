"""What ablation.json holds: the answer, the table of every measure, and the figures behind the answer."""

from typing import Literal

from pydantic import Field

from models.config import Frozen
from tasks.engine.artifact import Artifact
from tasks.evaluate.quantities import Curve, Estimate, Part, Quantity

FIGURES, PAGE = "ablation.json", "index.html"
Mattered = Literal["data", "model", "cannot be told"]


class GainPerDoubling(Part):
    """How much better a measure gets, fitted to all cells; 95 % intervals for other seeds and prompts like these."""

    data: Estimate = Field(title="twice the images")
    model: Estimate = Field(title="twice the parameters")
    difference: Estimate = Field(title="the first less the second")


class MeasureFigures(Part):
    """One measure over the grid."""

    gain: GainPerDoubling = Field(title="Gain by twice as much")
    by_data: Curve = Field(title="By data", description="Mean of the seeds; the band is their range.")
    by_model: Curve = Field(title="By model", description="The same runs over the parameters of the prior.")
    variance: dict[str, float] = Field(
        title="Share of the variance of all runs",
        description="Two-way analysis of variance. Data with model: how the gain of one depends on the other.",
    )


class AblationFigures(Quantity):
    """The measures; one that no run has is None."""

    image_loss: MeasureFigures | None = Field(
        None,
        title="Held-out loss of image tokens",
        description="Nats a token of pairs that no prior saw; lower is better.",
    )
    text_loss: MeasureFigures | None = Field(
        None, title="Held-out loss of text tokens", description="Nats a token of their captions; lower is better."
    )
    right_held_out: MeasureFigures | None = Field(
        None,
        title="Right drawings, held-out captions",
        description="Share of all drawings, uncurated, that show what the caption says: as read by the judge of "
        "compositions, or where the corpus shows none, nearest to the caption's picture.",
    )
    right_trained: MeasureFigures | None = Field(
        None,
        title="Right drawings, captions of the smallest share",
        description="The same for captions that every prior was trained on.",
    )
    score: MeasureFigures | None = Field(
        None,
        title="Score by the ranker, held-out captions",
        description="Mean cosine of all drawings with their captions; one ranker for all, trained on all pairs.",
    )


class MeasureAnswer(Frozen):
    """What one measure says to the question, derived from the intervals."""

    mattered: Mattered
    sentence: str


class TableCell(Frozen):
    """A measure in one cell of the two-way table: the mean of the seeds, their range, and the value of each."""

    data: float
    model: str
    mean: float
    low: float
    high: float
    runs: tuple[float, ...]


class SizeFacts(Frozen):
    """One size of the prior. `flops`: of its whole training."""

    model: str
    width: int
    layers: int
    parameters: int
    flops: float


class ShareFacts(Frozen):
    """One share of the data. `images`: encodings, one for each caption, and `epochs` how often each was read; means."""

    data: float
    images: float
    epochs: float


class Ablation(Frozen):
    """ablation.json.

    Attributes:
        tokens: text and image positions that each prior was trained on, the same for all.
        answers, tables: by the name of the measure.
        seconds: by the name of the cell, of the training alone.
    """

    answer: str
    updates: int
    batch_size: int
    tokens: int
    seeds: int
    prompts: dict[str, int]
    sizes: tuple[SizeFacts, ...]
    shares: tuple[ShareFacts, ...]
    answers: dict[str, MeasureAnswer]
    tables: dict[str, tuple[TableCell, ...]]
    seconds: dict[str, float]
    figures: AblationFigures


def read_ablation(artifact: Artifact) -> Ablation:
    """The figures of a finished ablation.

    Raises:
        DamagedArtifactError: they are missing, or not the ones that were written.
    """
    return Ablation.model_validate_json(artifact.read(FIGURES))
