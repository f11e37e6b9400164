"""Pictures for one prompt, from models that are already trained."""

from dataclasses import dataclass

from tasks.engine.artifact import Artifact
from tasks.rerank import score
from tasks.sample import Config, draw, encode_png
from tasks.settings import Settings
from tasks.train.trainer import require_input


@dataclass(frozen=True)
class Picture:
    """One generated image as PNG bytes, its CLIP score, and which candidate it was."""

    index: int
    score: float
    png: bytes


def generate(
    prompt: str,
    config: Config,
    settings: Settings,
    bpe: Artifact,
    dvae: Artifact,
    prior: Artifact,
    clip: Artifact,
) -> list[Picture]:
    """Draws `config.candidates` images for `prompt` and returns them best first.

    Raises:
        ModelMismatchError: the models do not belong together.
        FileNotFoundError: one of them is not trained yet.
    """
    require_input(prior, "dvae", dvae)
    require_input(prior, "bpe", bpe)
    _, images = draw(config, settings, bpe, dvae, prior, prompt, config.candidates)
    pngs = [encode_png(image) for image in images]
    scores = score(settings, clip, pngs, [prompt] * len(pngs))
    pictures = [Picture(i, float(s), png) for i, (s, png) in enumerate(zip(scores, pngs, strict=True))]
    return sorted(pictures, key=lambda picture: -picture.score)
