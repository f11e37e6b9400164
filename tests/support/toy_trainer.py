"""A trainer that only counts steps, in place of `models.*.train`, for tests of how trainers are launched."""

import json
import os
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
out = Path(job["out"])
with (out / "starts").open("a") as starts:
    starts.write("started\n")
if job.get("fail"):
    (out / "error.json").write_text(json.dumps({"type": "ValueError", "message": job["fail"]}))
    sys.exit(f"error: {job['fail']}")
if os.environ["RANK"] == job.get("failing_rank"):
    if "signal" in job:
        os.kill(os.getpid(), job["signal"])
    raise RuntimeError(job["raise"])
if job.get("join"):
    from models.training.distributed import join

    assert join().world == 2
    (out / f"joined-{os.environ['RANK']}").touch()
for step in range(job["steps"]):
    progress = {
        "step": step,
        "steps": job["steps"],
        "loss": 1.0,
        "eta_s": 0.0,
        "seconds_per_step": job["seconds_per_step"],
        "notes": [],
    }
    temporary = out / f"progress-{os.getpid()}.tmp"
    temporary.write_text(json.dumps(progress))
    temporary.replace(out / "progress.json")
    time.sleep(job["seconds_per_step"])
(out / "done.json").write_text(json.dumps({"metrics": {"steps": job["steps"]}}))
