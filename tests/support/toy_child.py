"""A child process that does what its jobs say, for tests of how children are asked."""

import os
import time
from typing import Any

from tasks.engine.child import serve


def work(job: dict[str, Any]) -> dict[str, Any]:
    print(job.get("say", "nothing much"))
    time.sleep(job.get("seconds", 0))
    if "fail" in job:
        raise ValueError(job["fail"])
    return {"pid": os.getpid(), "text": job.get("text")}


if __name__ == "__main__":
    serve(work)
