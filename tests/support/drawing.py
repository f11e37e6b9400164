"""Models that draw plain pictures one after the other, at a pace, and can be watched; and a server of the page."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import uvicorn

from flows.cli.drawing.serve import application
from models.generator import Candidates, Generator, ImagePrompt, Sampling
from support.web import free_port
from tasks.generate import ModelSource

SIDE = 8


class PacedGenerator(Generator):
    """Candidate i has the grey level i; a candidate is drawn when `go` is set, or each `pause_s` seconds."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.go = threading.Event()
        self.go.set()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.images: list[ImagePrompt | None] = []

    def draw_batches(
        self,
        prompts: Sequence[str],
        n: int,
        seed: int = 0,
        sampling: Sampling | None = None,
        image: ImagePrompt | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
        first: int = 0,
    ) -> Iterator[Candidates]:
        """See `Generator.draw_batches`. The prompt "fail" fails."""
        [prompt] = prompts
        self.begun.append(prompt)
        self.images.append(image)
        if prompt == "fail":
            raise ZeroDivisionError("a secret of the server")
        for i in range(n):
            while not self.go.wait(0.01):
                on_progress(i / n)
            time.sleep(self.pause_s)
            on_progress((i + 1) / n)
            yield Candidates(0, i, np.full((1, SIDE, SIDE, 3), i, np.uint8), None)
        self.ended.append(prompt)


class FirstIsBest:
    """A ranker for which a candidate is the better the darker it is."""

    def embed_images(self, images):
        """[B, 3, H, W] to unit vectors [B, 2]."""
        import torch

        angle = images.float().mean((1, 2, 3)) / 255
        return torch.stack([angle.cos(), angle.sin()], 1)

    def embed_captions(self, captions):
        """To the vector of black."""
        import torch

        return torch.tensor([[1.0, 0.0]] * len(captions))


class PacedModels(ModelSource):
    """A paced generator, and a ranker."""

    identity = "paced"

    def __init__(self, pause_s: float = 0.0) -> None:
        self.paced = PacedGenerator(pause_s)

    def generator(self) -> Generator:
        """See `ModelSource.generator`."""
        return self.paced

    def ranker(self):
        """See `ModelSource.ranker`."""
        return FirstIsBest()


@contextmanager
def served(models: ModelSource) -> Iterator[str]:
    """The address of a server of the page."""
    port = free_port()
    app = application(models, Sampling(), ["a red apple"], port)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
