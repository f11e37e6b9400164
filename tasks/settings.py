"""Where a pipeline runs and how much of the machine it uses. Changes no result, so it enters no fingerprint."""

import os
from pathlib import Path

from pydantic import Field

from models.config import Frozen
from models.training.config import ShardingMode


class Settings(Frozen):
    """Storage, Dask and training processes of a run."""

    root: str = Field("runs", description="Folder or s3:// URL that holds all artifacts.")
    work_dir: str = Field(".dalle/work", description="Local scratch folder for training state and model copies.")
    dask_address: str | None = Field(None, description="Address of a running Dask scheduler; if unset, one is started.")
    dask_workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=0, description="Local Dask workers; 0: no Dask."
    )
    processes_per_node: int = Field(1, ge=1, description="Training processes on this node, one for each GPU.")
    sharding: ShardingMode = Field(
        "ddp",
        description="What a training process holds of the prior: ddp, all of it; fsdp, its share among all processes; "
        "hsdp, its share among those of its machine.",
    )
    loader_workers: int | None = Field(
        None, ge=0, description="Processes per trainer that decode images; if unset, as suits CPU or GPU."
    )
    command: str | None = Field(None, description="What started the run, as the report says it; no setting of its own.")

    @property
    def local_work(self) -> Path:
        """`work_dir` as an absolute path, for processes with another working directory."""
        return Path(self.work_dir).absolute()
