"""How the classifier of the judge is fitted."""

from pydantic import Field

from models.config import Frozen


class JudgeTrainingConfig(Frozen):
    """How the classifier of the judge is fitted. The defaults take half a minute of two cores for 60 things."""

    steps: int = Field(400, ge=1)
    batch_size: int = Field(64, ge=1, description="Pictures of a step; each gives the crops of a few places.")
    learning_rate: float = Field(4e-3, gt=0, description="At the peak of one cycle.")
    weight_decay: float = Field(0.05, ge=0)
    empty_places: int = Field(2, ge=1, description="Places of a picture without a thing, beside those with one.")
    spoiled: float = Field(
        0.2, ge=0, le=1, description="Crops in which no thing is to be recognised, as a share of those with a thing."
    )
    seed: int = Field(0, ge=0)
