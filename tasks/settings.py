"""Where and with how much a pipeline runs. Nothing here changes a result, so nothing here enters a fingerprint."""

import os
from pathlib import Path

from pydantic import Field

from models.config import Frozen


class Settings(Frozen):
    """The machine's side of a run: storage, Dask, training processes."""

    root: str = Field("runs", description="Folder or s3:// URL that holds all artifacts.")
    work_dir: str = Field(".dalle/work", description="Local scratch folder for training state and model copies.")
    dask_address: str | None = Field(None, description="Address of a running Dask scheduler; none starts a local one.")
    dask_workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=0, description="Local Dask workers; 0 works in this process."
    )
    processes_per_node: int = Field(1, ge=1, description="Training processes on this node, one for each GPU.")

    @property
    def local_work(self) -> Path:
        """`work_dir` as an absolute path: training processes start elsewhere."""
        return Path(self.work_dir).absolute()
