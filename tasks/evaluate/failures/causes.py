"""Whether a wrong drawing was lost in the image tokenizer or drawn wrong by the prior."""

from collections.abc import Callable

from pydantic import Field

from tasks.compositions.scene import Skill
from tasks.evaluate.evidence import Evidence, Row
from tasks.evaluate.quantities import Estimate, Part
from tasks.evaluate.statistics import proportion_of_groups


class Causes(Part):
    """Wrong drawings of held-out captions, each of one cause. The judge also reads the true picture of the caption, as
    it is and rebuilt from its codes: what is lost there is no fault of the prior.
    """

    drawings: int = Field(title="wrong drawings")
    prior: Estimate = Field(
        title="the prior", description="All parts that the drawing fails are right in the rebuilt true picture."
    )
    tokenizer: Estimate = Field(
        title="the image tokenizer",
        description="A part that the drawing fails is also wrong in the true picture rebuilt from its codes, and right "
        "before.",
    )
    judge: Estimate = Field(
        title="the judge", description="A part that the drawing fails is read wrong in the true picture itself."
    )


def measure(evidence: Evidence) -> Causes | None:
    """None where no wrong drawing has a true picture that the judge read, rebuilt and as it is."""
    trial = evidence.compositions
    if trial is None:
        return None
    found: list[list[str]] = []
    for prompt in evidence.group("val"):
        name = prompt.best["prompt"]
        if name in trial.own_pictures and name in trial.own_rebuilt:
            own, rebuilt = trial.own_pictures[name], trial.own_rebuilt[name]
            found.append([cause(row, own.__getitem__, rebuilt.__getitem__) for row in prompt.rows if row["wrong"]])
    found = [each for each in found if each]
    if not found:
        return None

    def share(name: str) -> Estimate:
        return proportion_of_groups([[each == name for each in own] for own in found])

    return Causes(
        drawings=sum(map(len, found)), prior=share("prior"), tokenizer=share("tokenizer"), judge=share("judge")
    )


def cause(drawing: Row, in_picture: Callable[[Skill], bool], in_rebuilt: Callable[[Skill], bool]) -> str:
    """Why a drawing is wrong: "judge", "tokenizer" or "prior".

    Args:
        in_picture, in_rebuilt: whether a part is read right in the true picture, and in that rebuilt from its codes.
    """
    if not all(map(in_picture, drawing["wrong"])):
        return "judge"
    return "prior" if all(map(in_rebuilt, drawing["wrong"])) else "tokenizer"
