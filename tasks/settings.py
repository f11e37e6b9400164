"""Where a pipeline runs and how much of the machine it uses. Changes no result, so it enters no fingerprint."""

import os
from pathlib import Path

from pydantic import ConfigDict, Field

from models.config import Frozen
from models.training.config import ShardingMode
from tasks.launch.kinds import AnyLauncher
from tasks.launch.local import LocalLauncher


class Approval(Frozen):
    """From which planned cost on a person is asked before trainings begin, and what the plan counts with."""

    model_config = ConfigDict(title="Approval")

    above_gpu_hours: float | None = Field(
        None, ge=0, description="Hours of a GPU, of all trainings and GPUs together; nobody is asked if unset."
    )
    above_money: float | None = Field(None, ge=0, description="At `price_per_hour`; nobody is asked if unset.")
    within_hours: float = Field(24.0, gt=0, description="How long a run waits for the answer in Prefect's UI.")
    hardware: str | None = Field(None, description="Preset of `dalle plan`; if unset, what this machine has.")
    price_per_hour: float | None = Field(None, ge=0, description="Of one GPU, or of this machine without one.")

    @property
    def has_bound(self) -> bool:
        """Whether anybody is ever asked."""
        return self.above_gpu_hours is not None or self.above_money is not None


class Settings(Frozen):
    """Storage, Dask and trainings of a run."""

    root: str = Field("runs", description="Folder or s3:// URL that holds all artifacts.")
    work_dir: str = Field(".dalle/work", description="Local scratch folder for training state and model copies.")
    dask_address: str | None = Field(None, description="Address of a running Dask scheduler; if unset, one is started.")
    dask_workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=0, description="Local Dask workers; 0: no Dask."
    )
    launcher: AnyLauncher = Field(default_factory=LocalLauncher, description="Where trainings run.")
    sharding: ShardingMode = Field(
        "ddp",
        description="What a training process holds of the prior: ddp, all of it; fsdp, its share among all processes; "
        "hsdp, its share among those of its machine.",
    )
    loader_workers: int | None = Field(
        None, ge=0, description="Processes per trainer that decode images; if unset, as suits CPU or GPU."
    )
    approval: Approval = Field(default_factory=Approval)
    command: str | None = Field(None, description="What started the run, as the report says it; no setting of its own.")

    @property
    def local_work(self) -> Path:
        """`work_dir` as an absolute path, for processes with another working directory."""
        return Path(self.work_dir).absolute()

    @property
    def is_on_this_machine(self) -> bool:
        """Whether no stage hands work to another one, as far as the settings say."""
        return self.dask_address is None and self.launcher.kind == "local"

    def approved(self) -> "Settings":
        """The same without bounds, to begin the trainings whatever they cost."""
        unbounded = self.approval.model_copy(update={"above_gpu_hours": None, "above_money": None})
        return self.model_copy(update={"approval": unbounded})
