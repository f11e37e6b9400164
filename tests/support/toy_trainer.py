"""A trainer that only counts steps, in place of `models.*.train`, for tests of how trainers are launched."""

import json
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
out = Path(job["out"])
with (out / "starts").open("a") as starts:
    starts.write("started\n")
if job.get("fail"):
    (out / "error.json").write_text(json.dumps({"type": "ValueError", "message": job["fail"]}))
    sys.exit(1)
for step in range(job["steps"]):
    progress = {
        "step": step,
        "steps": job["steps"],
        "loss": 1.0,
        "eta_s": 0.0,
        "seconds_per_step": job["seconds_per_step"],
    }
    (out / "progress.tmp").write_text(json.dumps(progress))
    (out / "progress.tmp").replace(out / "progress.json")
    time.sleep(job["seconds_per_step"])
(out / "done.json").write_text(json.dumps({"metrics": {"steps": job["steps"]}}))
