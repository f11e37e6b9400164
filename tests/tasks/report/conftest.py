"""A finished run and its report, made once."""

import pytest
from support.finished_run import FinishedRun, accounted, evaluated, finished_run
from support.report_page import written

from tasks.report.config import Config
from tasks.report.stage import report
from tasks.settings import Settings

COMMAND = "dalle run --recipe smoke"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    root, work = str(folder / "runs"), str(folder / "work")
    run = finished_run(Settings(root=root, work_dir=work, dask_workers=0, command=COMMAND))
    run.artifacts |= {"evaluate": evaluated(run), "funnel": accounted(run)}
    return run


@pytest.fixture(scope="session")
def whole(run: FinishedRun) -> tuple[str, dict]:
    """The page, and what report.json holds."""
    ends = {name: run.artifacts[name] for name in ("evaluate", "funnel")}
    return written(report(Config(), run.settings, **ends).artifact)
