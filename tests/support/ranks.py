"""Runs trainers by torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def torchrun(module: str, job: dict[str, Any], ranks: int) -> None:
    """Run a trainer to its end on `ranks` processes of one thread each."""
    path = Path(job["out"]).with_suffix(".json")
    path.write_text(json.dumps(job))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "-m", module, str(path)], cwd=ROOT, env=environment, check=True, timeout=120)
