"""Puts the deployments of a prefect.yaml in place on a server."""

import os
import subprocess
import sys
from pathlib import Path

from flows.environment import PROJECT
from tasks.errors import PipelineError


class DeployError(PipelineError):
    """Prefect refused the deployments."""


def deploy(api: str, pool: str, prefect_file: Path) -> None:
    """Creates the process work pool if it is missing, and creates or updates every deployment of the file.

    Deployed runs work in the project's folder: Prefect stores the folder it deploys from.

    Raises:
        DeployError: with what Prefect said.
    """
    if _prefect(api, "work-pool", "inspect", pool).returncode != 0:
        _must(_prefect(api, "work-pool", "create", pool, "--type", "process"))
    _must(_prefect(api, "deploy", "--all", "--prefect-file", str(prefect_file)))


def _prefect(api: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        env={**os.environ, "PREFECT_API_URL": api, "COLUMNS": "200"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def _must(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise DeployError(f"Prefect refused the deployment: {said[-1] if said else 'it said nothing'}")
