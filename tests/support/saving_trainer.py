"""A trainer that saves its state when it is told to end and goes on from there, in place of `models.*.train`."""

import json
import os
import signal
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
out = Path(job["out"])
is_first = os.environ["RANK"] == "0"
checkpoint = out / "checkpoint.json"
step, value = json.loads(checkpoint.read_text()) if checkpoint.exists() else (0, 0)
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
while step < job["steps"]:
    value = 31 * value + step + 1  # another number for every step left out or done twice
    step += 1
    if asked:
        if is_first:
            checkpoint.write_text(json.dumps([step, value]))
        sys.exit(143)
    if is_first:
        progress = {"step": step, "steps": job["steps"], "loss": None, "eta_s": None, "notes": []}
        (out / "progress.tmp").write_text(json.dumps(progress))
        (out / "progress.tmp").replace(out / "progress.json")
    time.sleep(job["seconds_per_step"])
if is_first:
    (out / "done.json").write_text(json.dumps({"metrics": {"value": value}}))
