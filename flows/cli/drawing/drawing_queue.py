"""Requests to draw, one at a time and in order; a bounded number waits, and one that nobody wants any more stops."""

import asyncio
import logging
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flows.cli.drawing.generate import about_prompt, remarks
from models.generator import Candidates
from tasks.errors import PipelineError
from tasks.generate import ModelSource, Ranking, Request, draw

PROGRESS_EVERY_S = 0.1
LOOK_EVERY_S = 0.25  # how often one that waits is told how many are before it
Event = dict[str, Any]


class QueueFullError(PipelineError):
    """Too many requests wait."""


class StoppedDrawingError(Exception):
    """Nobody wants the pictures any more."""


class DrawingQueue:
    """Draws in a thread of its own. To be used from one event loop."""

    def __init__(self, models: ModelSource, most_waiting: int) -> None:
        """`most_waiting`: requests beside the one that is being drawn."""
        self._models = models
        self._most = most_waiting + 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._entered: list[_Drawing] = []

    def enter(self, request: Request) -> "_Drawing":
        """Join the end of the queue; what is entered has to be iterated or stopped.

        Raises:
            QueueFullError: the queue is as long as it may be.
        """
        if len(self._entered) >= self._most:
            raise QueueFullError(f"{len(self._entered) - 1} drawings wait already: try again in a while.")
        drawing = _Drawing(self._models, request, asyncio.get_running_loop())
        self._entered.append(drawing)
        future = self._thread.submit(drawing.run)
        # It makes room when its thread has let go of it, not when its client has gone.
        asyncio.wrap_future(future).add_done_callback(lambda _: self._entered.remove(drawing))
        return drawing

    async def events(self, drawing: "_Drawing") -> AsyncIterator[Event]:
        """What happens to a drawing, until its end; stops it when the iteration ends before.

        The kinds: `waiting` (`before`: how many), `drawing`, `remark` (`text`), `progress` (`share`,
        `pictures_per_s`), `picture` (`index`, `png` in base64), `ranking` (`ranks` and `scores` by index), and at the
        end `done` or `error` (`text`).
        """
        before = -1
        try:
            while True:
                try:
                    event = await asyncio.wait_for(drawing.told.get(), LOOK_EVERY_S)
                except TimeoutError:
                    now = self._entered.index(drawing) if drawing in self._entered else 0
                    if now not in (0, before):
                        yield {"kind": "waiting", "before": now}
                    before = now
                    continue
                yield event
                if event["kind"] in ("done", "error"):
                    return
        finally:
            drawing.stop()

    def close(self) -> None:
        """Stop all drawings."""
        for drawing in self._entered:
            drawing.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)


class _Drawing:
    """One request, and what is told of it."""

    def __init__(self, models: ModelSource, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self._models = models
        self._request = request
        self._loop = loop
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End it soon, or before it begins."""
        self._stopped.set()

    def run(self) -> None:
        """Draw, in the thread of the queue."""
        if self._stopped.is_set():
            return
        try:
            self._tell({"kind": "drawing"})
            for text in remarks(about_prompt(self._models, self._request.prompts[0])):
                self._tell({"kind": "remark", "text": text})
            for event in draw(self._models, self._request, _Progress(self._request.n, self._tell, self._stopped)):
                self._tell_of(event)
            self._tell({"kind": "done"})
        except StoppedDrawingError:
            return
        except PipelineError as error:
            self._tell({"kind": "error", "text": str(error)})
        except Exception:
            logging.getLogger(__name__).exception("A drawing failed")
            self._tell({"kind": "error", "text": "The drawing failed: the terminal of `dalle serve` says why."})

    def _tell_of(self, event: Candidates | Ranking) -> None:
        from models.training.images import encode_png

        match event:
            case Candidates():
                for place, image in enumerate(event.images):
                    png = b64encode(encode_png(image)).decode()
                    self._tell({"kind": "picture", "index": event.first + place, "png": png})
            case Ranking():
                self._tell({"kind": "ranking", "ranks": event.ranks.tolist(), "scores": event.scores.tolist()})

    def _tell(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self.told.put_nowait, event)


class _Progress:
    """Tells how far a drawing is, and ends it when it is stopped."""

    def __init__(self, pictures: int, tell: Callable[[Event], None], stopped: threading.Event) -> None:
        self._pictures = pictures
        self._tell = tell
        self._stopped = stopped
        self._began = self._told = time.monotonic()

    def __call__(self, share: float) -> None:
        if self._stopped.is_set():
            raise StoppedDrawingError
        now = time.monotonic()
        if now - self._told >= PROGRESS_EVERY_S:
            self._told = now
            rate = share * self._pictures / (now - self._began)
            self._tell({"kind": "progress", "share": share, "pictures_per_s": rate})
