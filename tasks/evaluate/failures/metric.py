"""Where drawings fail: the worst prompts and words, which model is to blame, and what each model finds hard."""

from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.failures import attention, causes, detail, losses, worst
from tasks.evaluate.failures.attention import CaptionAttention
from tasks.evaluate.failures.causes import Causes
from tasks.evaluate.failures.detail import Detail
from tasks.evaluate.failures.losses import Losses
from tasks.evaluate.failures.worst import Worst
from tasks.evaluate.quantities import Part, Question


class Failures(Part):
    """The worst by fixed rules, and which model is to blame: the image tokenizer, which loses detail, or the prior,
    which draws the codes.
    """

    question = Question.DRAWS

    worst: Worst | None = Field(title="The worst prompts")
    causes: Causes | None = Field(title="Which model is to blame")
    detail: Detail | None = Field(title="What the image tokenizer loses")
    losses: Losses | None = Field(title="What the prior finds hard")
    attention: CaptionAttention | None = Field(title="Where the picture looks in its caption")


def measure(evidence: Evidence) -> Failures | None:
    """None where nothing of it can be told."""
    failures = Failures(
        worst=worst.measure(evidence),
        causes=causes.measure(evidence),
        detail=detail.measure(evidence),
        losses=losses.measure(evidence),
        attention=attention.measure(evidence),
    )
    return failures if any(part is not None for _, part in failures) else None
