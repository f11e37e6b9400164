"""The pipeline's `sample` section."""

from pydantic import Field, field_validator

from models.generator import Sampling
from tasks.engine.stage import StageConfig
from tasks.sample.prompts import prompt_fault
from tasks.train.subset import TrainingShare

FIXED_PROMPTS = (
    "a red apple",
    "a slice of pizza",
    "a cup of hot coffee",
    "a yellow smiling face",
    "a cat face",
    "a green frog",
    "a blue fish",
    "a rocket in space",
    "a red car",
    "a house with a garden",
    "a soccer ball",
    "a guitar",
)


class Config(Sampling, StageConfig):
    """Which prompts, how many candidates, and how they are drawn.

    The paper: the best of 512 by CLIP, at temperature 1 (section 2.6), which is `candidates=512`.
    """

    prompts: tuple[str, ...] = Field(FIXED_PROMPTS, description="The fixed list, the same in every report.")
    train_prompts: int = Field(64, ge=0, description="Captions of training pairs to draw, chosen by hash.")
    train_from: TrainingShare = Field(
        default_factory=TrainingShare,
        description="The training images that these captions are of: those of `subset`, or a part of them.",
    )
    val_prompts: int = Field(
        24, ge=0, description="Captions of held-out pairs to draw, chosen by hash; none that training has too."
    )
    candidates: int = Field(8, ge=1, description="Samples for each prompt.")
    seed: int = Field(0, ge=0)
    prompts_per_shard: int = Field(8, ge=1)

    @field_validator("prompts")
    @classmethod
    def _can_be_drawn(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for place, prompt in enumerate(prompts):
            if fault := prompt_fault(prompt):
                raise ValueError(f"prompt {place + 1} {fault}")
        return prompts
