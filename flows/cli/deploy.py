"""Creates the deployments of a prefect.yaml on a Prefect server."""

import os
import subprocess
import sys
from pathlib import Path

from tasks import REPOSITORY
from tasks.errors import PipelineError


class DeployError(PipelineError):
    """Prefect refused the deployments."""


def deploy(api: str, prefect_file: Path) -> None:
    """Creates or updates every deployment of the file.

    Deployed runs work in the project's folder: Prefect stores the folder it deploys from.

    Raises:
        DeployError: Prefect refused them; the message holds the last line of its output.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(prefect_file)],
        env={**os.environ, "PREFECT_API_URL": api, "COLUMNS": "200"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()
        raise DeployError(f"Prefect refused the deployments: {output[-1] if output else 'it printed nothing'}")
