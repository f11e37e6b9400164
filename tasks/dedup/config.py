"""When two images count as one, and which images no training may see."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.dedup.evaluation_set import EvaluationSet
from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """When two images count as one. The defaults keep emoji apart that differ only in a clock's hand or in colour."""

    max_hash_distance: int = Field(12, ge=0, le=64, description="Bits of 255 in which perceptual hashes may differ.")
    max_colour_difference: int = Field(
        32, ge=0, le=255, description="Largest difference between 16x16 thumbnails, of 255, anywhere and in any colour."
    )
    max_captions: int = Field(
        16, ge=1, description="Captions kept of one image; one with more is likely a placeholder or a logo."
    )
    evaluation_set: str | None = Field(
        None,
        description="Images that no training may see, so that models can be judged on them: a folder of images or of "
        "Parquet files with a column `image`, or one such file. What matches one is rejected.",
    )

    @field_validator("evaluation_set")
    @classmethod
    def _is_absolute(cls, place: str | None) -> str | None:
        # So that Dask workers, which may run in another working directory, find it too.
        if place is not None and not place.strip():
            raise ValueError("is empty: name a folder or a Parquet file, or leave dedup.evaluation_set out")
        return None if place is None else os.path.normpath(Path(place).expanduser().absolute())

    def require(self) -> None:
        """The evaluation set, where one is named, is there and holds images.

        Raises:
            SourceError: it is not, or does not.
        """
        if self.evaluation_set is not None:
            EvaluationSet.of(self.evaluation_set)

    def fingerprinted(self) -> dict[str, Any]:
        """An evaluation set counts by its content, in `outside_state`, and not by where it lies."""
        fields = super().fingerprinted()
        return fields if self.evaluation_set is None else fields | {"evaluation_set": "by content"}

    def outside_state(self) -> str:
        """Digest of the names and contents of the evaluation set's files; empty without one.

        Raises:
            SourceError: as `require`, or a file cannot be read.
        """
        return EvaluationSet.of(self.evaluation_set).state() if self.evaluation_set is not None else ""
