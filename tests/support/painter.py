"""A generator without codes and without a tokenizer: every picture has one colour, which its prompt decides."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from models.generator import Candidates, Generator, ImagePrompt, Sampling
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import Stage, StageConfig
from tasks.settings import Settings

KIND = "painter"
SIZE = 20


class Painter(Generator):
    """Draws plain squares."""

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
        """See `Generator.draw_batches`."""
        for place, prompt in enumerate(prompts):
            colours = [list(hashlib.sha256(f"{seed} {prompt} {i}".encode()).digest()[:3]) for i in range(n)]
            images = np.broadcast_to(np.array(colours, np.uint8)[:, None, None], (n, SIZE, SIZE, 3))
            on_progress((place + 1) / len(prompts))
            yield Candidates(place, 0, images, codes=None)


def load(directory: Path, device: str) -> Painter:
    """A painter; no file is read."""
    return Painter()


def painter(settings: Settings) -> Artifact:
    """The artifact of a painter, as its training stage would write it."""

    def body(config: StageConfig, output: Output) -> None:
        output.write("config.json", b'{"kind": "painter"}')

    return Stage("train_painter", 1, body, {}, StageConfig)(StageConfig(), settings).artifact
