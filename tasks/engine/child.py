"""Child processes for work that a stage must not do in its own process, because a library there changes what is global.

Parent and child exchange lines of JSON: jobs through the child's standard input, answers through its standard output.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NoReturn, Self

from tasks import REPOSITORY
from tasks.errors import ChildFailedError

# Dask sets it for its workers. With it a tenth of a child's time goes into handing memory back after every image.
MALLOC_TRIM = "MALLOC_TRIM_THRESHOLD_"
# Each thread of a downloader would keep freed memory of its own, a hundred megabytes together.
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class Child:
    """`python -m module`, where the module calls `serve`. It ends when this process ends, however that happens."""

    def __init__(self, module: str) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115, it stays open as long as the child lives
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if name != MALLOC_TRIM} | FEW_ARENAS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def ask(self, job: Mapping[str, Any], what: str) -> Any:
        """The child's answer to a job.

        Args:
            what: the job in words, such as "The crawl of https://example.com/", for the message of an error.

        Raises:
            ChildFailedError: the child ended instead of answering; the message holds the last line it printed.
        """
        try:
            answer = self._exchange(json.dumps(job).encode() + b"\n")
        except BaseException:  # a cancelled run must not leave a child at work
            self.close()
            raise
        if not answer.endswith(b"\n"):
            how = self._process.wait()
            message = f"{what} ended early ({self._last_line()}; {_in_words(how)})."
            self.close()
            raise ChildFailedError(message)
        self._printed.seek(0)  # the child writes where its parent stands in the file
        self._printed.truncate()
        return json.loads(answer)

    def _exchange(self, line: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # the child has ended: there is no answer to read
            self._process.stdin.write(line)
            self._process.stdin.flush()
        return self._process.stdout.readline()

    def _last_line(self) -> str:
        self._printed.seek(0)
        lines = self._printed.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        """Ends the child. It keeps nothing that would be lost."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.__exit__(None, None, None)
        self._printed.close()


_ending = threading.Lock()
_idle: dict[str, list[Child]] = defaultdict(list)


def ask_child(job: Mapping[str, Any], what: str, module: str) -> Any:
    """`Child.ask`, of a child that is kept for the next such job: its start may cost more than the job."""
    idle = _idle[module]
    try:
        child = idle.pop()
    except IndexError:
        child = Child(module)
    if child.has_ended():
        child.close()
        child = Child(module)
    answer = child.ask(job, what)
    idle.append(child)
    return answer


def serve(work: Callable[[dict[str, Any]], Any]) -> None:
    """Answers jobs with what `work` makes of them, until the parent is gone or `work` fails. Does not return.

    Ends the process at once: Python's usual way out destroys what C++ libraries hold while their threads may still
    run, which can abort the process. Nothing is lost by it, since an answer says that the work is done.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not to be mixed with the answers
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)  # open also while a library redirects the usual one
    jobs: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    try:
        while True:
            print(json.dumps(work(jobs.get())), file=answers, flush=True)
    except BaseException:
        end_this_child()


def end_this_child() -> NoReturn:
    """Ends the process, in whatever thread, with the exception being handled in its output."""
    _ending.acquire()  # never released: of several threads that fail, the first prints, whole
    traceback.print_exc()
    os._exit(1)


def _listen(jobs: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)  # the end of the input: the kernel closes the parent's side however the parent ends


def _in_words(returncode: int) -> str:
    return f"killed by {signal.Signals(-returncode).name}" if returncode < 0 else f"exit status {returncode}"
