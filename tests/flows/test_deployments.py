"""The deployed flows look at what they need before their first stage."""

from pathlib import Path

import pytest

from tasks.errors import PipelineError
from tasks.settings import Settings


@pytest.mark.end_to_end
def test_a_deployed_run_tells_it_before_the_first_stage(tmp_path: Path, prefect_server: None) -> None:
    from flows import deployments

    settings = Settings(root=str(tmp_path / "runs"), work_dir=str(tmp_path / "work"), dask_workers=0)
    for flow in (deployments.pipeline, deployments.ingest, deployments.re_evaluation, deployments.ablation):
        with pytest.raises(PipelineError, match="/nope does not exist"):
            flow("smoke", {"source": "/nope"}, settings=settings)
    assert not (tmp_path / "runs").exists()
