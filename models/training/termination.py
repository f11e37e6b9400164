"""SIGTERM as a wish to stop after the step that is going on."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Self

STATUS = 128 + signal.SIGTERM
_PATIENCE_S = 15.0  # a rank may wait for one that is gone


class Termination:
    """Inside the block SIGTERM sets `asked`; 15 s later it ends a process that is still in the block and not `heard`.

    Does nothing outside of the main thread, where signals cannot be caught.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: signal.Handlers | object | None = None
        self._timer: threading.Timer | None = None
        self._catches = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._catches:
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.heard()
        if self._catches:
            signal.signal(signal.SIGTERM, self._before or signal.SIG_DFL)  # type: ignore[arg-type]

    def heard(self) -> None:
        """All ranks know of it and save: that may take longer, and none waits in vain."""
        if self._timer is not None:
            self._timer.cancel()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            self._timer = threading.Timer(_PATIENCE_S, os._exit, [STATUS])
            self._timer.daemon = True
            self._timer.start()
