"""Images for one prompt, drawn by a trained generator and ranked by a trained ranker."""

from dataclasses import dataclass

from tasks.checkpoints import generator_of
from tasks.engine.artifact import Artifact
from tasks.rerank import score_images
from tasks.sample import Config, encode_png
from tasks.settings import Settings


@dataclass(frozen=True)
class Picture:
    """One generated image as PNG bytes, its score by the ranker, and which candidate it was."""

    index: int
    score: float
    png: bytes


def generate(prompt: str, config: Config, settings: Settings, generator: Artifact, ranker: Artifact) -> list[Picture]:
    """Draws `config.candidates` images for `prompt` and returns them best first.

    Raises:
        FileNotFoundError: one of the models is not trained yet.
    """
    drawing = generator_of(generator, settings).draw([prompt], config.candidates, config.seed, config)
    pngs = [encode_png(image) for image in drawing.images[0]]
    scores = score_images(settings, ranker, pngs, [prompt] * len(pngs))
    pictures = [Picture(i, float(s), png) for i, (s, png) in enumerate(zip(scores, pngs, strict=True))]
    return sorted(pictures, key=lambda picture: -picture.score)
