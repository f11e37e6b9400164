"""How the report looks, and the figures it compares with."""

from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import Frozen
from tasks.engine import storage
from tasks.engine.stage import StageConfig
from tasks.study.figures import read_results


class Targets(Frozen):
    """What the run was meant to reach; a figure without a target is shown alone."""

    hit_rate: float | None = Field(None, description="Share of training prompts whose best sample is the right image.")
    composed_first: float | None = Field(None, description="Share of held-out compositions drawn right, uncurated.")
    composed_best: float | None = Field(None, description="The same of the best of all candidates.")
    psnr_db: float | None = Field(None, description="Mean PSNR of held-out reconstructions.")
    codes_share: float | None = Field(None, description="Share of the code book in use.")
    minutes: float | None = Field(None, description="Time of all stages together, at most.")
    memory_gb: float | None = Field(None, description="Peak memory of any stage, at most.")


class Config(StageConfig):
    """How the page looks. Nothing here changes a measured figure."""

    title: str = Field("DALL·E, rebuilt", description="Heading of the page.")
    targets: Targets = Field(default_factory=Targets)
    best_pictures: int = Field(24, ge=0, description="First drawings in each grid at the top.")
    prompts_shown: int = Field(12, ge=1, description="Training and held-out prompts shown open; the others fold away.")
    prompts_at_most: int = Field(64, ge=1, description="Prompts of a group shown at all.")
    suite_prompts: int = Field(24, ge=1, description="Prompts shown of each suite, in the order of its seed.")
    candidates_shown: int = Field(16, ge=1, description="Samples of one prompt that unfold, the best of them.")
    rejects_shown: int = Field(
        4, ge=0, description="Examples of what is kept and of each reason, if so many are there."
    )
    picture_px: int = Field(128, ge=16, description="Larger pictures are scaled down to this side on the page.")
    study: str | None = Field(None, description="results.json of a human study of this run's pictures, for a section.")

    def require(self) -> None:
        """The results of the study are there.

        Raises:
            SourceError: they are not.
        """
        if self.study is not None:
            read_results(Path(self.study))

    def fingerprinted(self) -> dict[str, Any]:
        """The results of a study count by their content, in `outside_state`, and not by where they lie."""
        fields = super().fingerprinted()
        if self.study is None:  # as before there was one
            return {name: value for name, value in fields.items() if name != "study"}
        return fields | {"study": "by content"}

    def outside_state(self) -> str:
        """Digest of the figures of the study; empty without any.

        Raises:
            SourceError: they are not there.
        """
        if self.study is None:
            return ""
        return storage.sha256(read_results(Path(self.study)).figures.model_dump_json().encode())
