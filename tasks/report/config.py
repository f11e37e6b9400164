"""How the report looks, and the figures it compares with."""

from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

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


class EnergyConfig(Frozen):
    """What measured work is multiplied with for an estimate of energy, emissions and money.

    The formula and the power of a core are those of Green Algorithms (Lannelongue, Grealey and Inouye 2021,
    https://doi.org/10.1002/advs.202100707; a core of no known kind in its data/latest/TDP_cpu.csv).
    """

    model_config = ConfigDict(title="Energy")

    power_w_per_core: float = Field(12.0, ge=0, description="Of a processor core at work, watts.")
    board_power_w: float | None = Field(
        None, ge=0, description="Of a GPU, watts, where its power was not measured and its kind is not known."
    )
    power_usage_effectiveness: float = Field(
        1.0, ge=1, description="What the building takes for each watt of the machines: 1 at home, more where it cools."
    )
    carbon_g_per_kwh: float = Field(
        475.0,
        ge=0,
        description="Grams of CO2 equivalent per kWh of the grid; if not given the world's average (IEA, Global Energy "
        "& CO2 Status Report 2019).",
    )
    location: str | None = Field(None, description="Where the electricity comes from, for the model card.")
    price_per_hour: float | None = Field(
        None, ge=0, description="Of one GPU, or of this machine without one; no money is counted if unset."
    )
    currency: str = Field("", description="Of the price, as it is to be written behind it.")


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
    energy: EnergyConfig = Field(default_factory=EnergyConfig)
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
