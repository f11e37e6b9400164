"""The Prefect server of one run, where none is configured: it ends when the run ends, however that happens.

The server Prefect itself would start outlives a run that is killed, and keeps the database open.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from flows.cli import environment
from flows.cli.doctor import free_port
from tasks import REPOSITORY
from tasks.errors import PipelineError

START_LIMIT_S = 120.0
END_LIMIT_S = 5.0
APP = "prefect.server.api.server:create_app"
_SETTINGS = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",  # without schedules, of which a run has none
    "PREFECT__SERVER_FINAL": "1",
}


class OwnServerError(PipelineError):
    """The server did not start."""


@contextmanager
def own_server() -> Iterator[str]:
    """The API address of a server that is ended after the block, and with this process.

    Raises:
        OwnServerError: it did not start; the message names its log.
    """
    port = free_port()
    log = environment.state_folder() / "logs" / "own-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli.own_server", str(port)],
            stdin=subprocess.PIPE,  # never written: the server ends when the kernel closes it
            stdout=out,
            stderr=out,
            cwd=REPOSITORY,
            env=os.environ | _SETTINGS,
            start_new_session=True,  # Ctrl-C ends the run, which still tells the server about it
        )
    with process:
        try:
            api = f"http://127.0.0.1:{port}/api"
            if not _answers(api, process):
                raise OwnServerError(f"Prefect's server did not start: see {log}, or run with --no-prefect.")
            yield api
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_LIMIT_S)
            process.kill()


def _answers(api: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=2):
            return True
        time.sleep(0.1)
    return False


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # until the parent has ended
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn

    uvicorn.run(APP, factory=True, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="on")
