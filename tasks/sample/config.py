"""The pipeline's `sample` section."""

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from models.generator import Sampling
from tasks.engine.stage import StageConfig
from tasks.sample.probes import Probes
from tasks.sample.prompts import prompt_fault
from tasks.sample.suites.coco import COCOSuite
from tasks.sample.suites.cub import CUBSuite
from tasks.sample.suites.drawbench import DrawBenchSuite
from tasks.sample.suites.geneval import GenEvalSuite
from tasks.sample.suites.own import OwnSuite
from tasks.sample.suites.partiprompts import PartiPromptsSuite
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

Suite = Annotated[
    COCOSuite | CUBSuite | DrawBenchSuite | PartiPromptsSuite | GenEvalSuite | OwnSuite, Field(discriminator="kind")
]


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
    suites: tuple[Suite, ...] = Field((), description="Prompts from files, each a mapping of kind, path and so on.")
    probes: Probes = Field(default_factory=Probes)
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

    @model_validator(mode="after")
    def _have_names(self) -> Self:
        groups = [suite.group for suite in self.suites]
        if twice := {group for group in groups if groups.count(group) > 1}:
            raise ValueError(f"two suites are called {min(twice)}: give one of them another name")
        return self

    def require(self) -> None:
        """The prompts of every suite can be read.

        Raises:
            SourceError: those of one cannot.
        """
        for suite in self.suites:
            suite.prompts()

    def fingerprinted(self) -> dict[str, Any]:
        """Of each suite what it says itself."""
        return super().fingerprinted() | {"suites": [suite.fingerprinted() for suite in self.suites]}

    def outside_state(self) -> str:
        """Digest of the content of the suites; empty without any.

        Raises:
            SourceError: one cannot be read.
        """
        return "\n".join(suite.outside_state() for suite in self.suites)
