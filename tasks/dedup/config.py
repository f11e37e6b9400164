"""When two images count as one, and which images no training may see."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from tasks.dedup.embeddings import CLIP
from tasks.dedup.evaluation_set import EvaluationSet
from tasks.engine.stage import StageConfig
from tasks.train.published_clip import clip_folder, digest_of_clip


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

    clip: str | None = Field(
        None,
        description="A published CLIP for min_cosine: its folder (transformers layout), which every worker must "
        "reach, or its name on the Hugging Face hub, such as openai/clip-vit-base-patch32, with @revision if wanted.",
    )
    min_cosine: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Images whose CLIP vectors have at least this cosine count as one too, such as 0.97.",
    )

    @model_validator(mode="after")
    def _clip_has_a_limit(self) -> Self:
        if (self.clip is None) != (self.min_cosine is None):
            given, missing = ("clip", "min_cosine") if self.clip is not None else ("min_cosine", "clip")
            raise ValueError(f"{given} is given, but not {missing}: set both, or neither")
        return self

    @field_validator("evaluation_set")
    @classmethod
    def _is_absolute(cls, place: str | None) -> str | None:
        # So that Dask workers, which may run in another working directory, find it too.
        if place is not None and not place.strip():
            raise ValueError("is empty: name a folder or a Parquet file, or leave dedup.evaluation_set out")
        return None if place is None else os.path.normpath(Path(place).expanduser().absolute())

    def require(self) -> None:
        """The evaluation set, where one is named, is there and holds images, and so is the CLIP.

        Raises:
            SourceError: it is not, or does not.
        """
        if self.clip is not None:
            clip_folder(self.clip, CLIP)
        if self.evaluation_set is not None:
            EvaluationSet.of(self.evaluation_set)

    def fingerprinted(self) -> dict[str, Any]:
        """An evaluation set and a CLIP count by their content, in `outside_state`, and not by where they lie."""
        fields = super().fingerprinted()
        if self.evaluation_set is not None:
            fields |= {"evaluation_set": "by content"}
        if self.clip is None:  # as before there was one
            return {name: value for name, value in fields.items() if name not in ("clip", "min_cosine")}
        return fields | {"clip": "by content"}

    def outside_state(self) -> str:
        """Digests of the names and contents of the evaluation set's files, and of the CLIP; empty without any.

        Raises:
            SourceError: as `require`, or a file cannot be read.
        """
        evaluation = EvaluationSet.of(self.evaluation_set).state() if self.evaluation_set is not None else ""
        return evaluation if self.clip is None else f"{evaluation}\nclip {digest_of_clip(self.clip, CLIP)}"
