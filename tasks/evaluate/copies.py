"""What is called a copy: a picture nearer to a training picture than is usual; and how often that is a false alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field

from tasks.evaluate.quantities import Estimate, Part
from tasks.evaluate.statistics import plain, proportion, proportion_of_groups

NEARER_PERCENT = 5  # of pictures that were never seen, which are nearer than the limit


class Copies(Part):
    """Share of pictures that are nearer to a training picture than is usual. What is usual is read from one half of the
    yardstick's pictures. The other half tells how often a picture that was never seen is called a copy. Samples of one
    prompt are alike: their intervals are over prompts."""

    train: Estimate | None = Field(title="training captions")
    fixed: Estimate | None = Field(title="fixed prompts")
    val: Estimate | None = Field(title="held-out captions")
    false_positives: Estimate = Field(title="pictures never seen")


@dataclass(frozen=True)
class CopyTest:
    """A distance to the nearest training picture below which a picture is called a copy.

    Attributes:
        false_positives: share of pictures never seen, others than those that set the limit, that are called copies.
    """

    limit: float
    false_positives: Estimate

    @classmethod
    def of_pictures_never_seen(cls, distances: Sequence[float]) -> Self | None:
        """Every other picture sets the limit, the others try it; None if there are not two."""
        setting, trying = distances[::2], distances[1::2]
        if len(trying) == 0:
            return None
        limit = float(np.percentile(setting, NEARER_PERCENT))
        return cls(plain(limit), proportion([bool(each < limit) for each in trying]))

    def share(self, prompts: Sequence[Sequence[float]]) -> Estimate | None:
        """Of samples, by prompt; None if there are none."""
        called = [[bool(each < self.limit) for each in prompt] for prompt in prompts]
        return proportion_of_groups(called) if called else None
