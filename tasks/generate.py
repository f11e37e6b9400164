"""Images for one prompt, drawn by a trained generator and ranked by a trained ranker."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks import schemas
from tasks.checkpoints import generator_of, ranker_of
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.rerank import score_images
from tasks.sample import Config, encode_png, prompt_fault
from tasks.settings import Settings


@dataclass(frozen=True)
class Picture:
    """One generated image as PNG bytes, its score by the ranker, and which candidate it was."""

    index: int
    score: float
    png: bytes


def generate(
    prompt: str,
    config: Config,
    settings: Settings,
    generator: Artifact,
    ranker: Artifact,
    tell: Callable[[str], None] = lambda phase: None,
) -> list[Picture]:
    """Draws `config.candidates` images for `prompt` and returns them best first.

    Args:
        tell: called with what is done next, because each part may take a while.

    Raises:
        ConfigError: the prompt is empty or no valid text.
        FileNotFoundError: one of the models is not trained yet.
    """
    if fault := prompt_fault(prompt):
        raise ConfigError(f"The prompt {fault}: write what to draw, such as 'a red apple'.")
    tell("Loading the models")
    model = generator_of(generator, settings)
    ranker_of(ranker, settings)
    tell(f"Drawing {config.candidates} candidates")
    drawing = model.draw([prompt], config.candidates, config.seed, config)
    pngs = [encode_png(image) for image in drawing.images[0]]
    tell("Ranking them")
    scores = score_images(settings, ranker, pngs, [prompt] * len(pngs))
    pictures = [Picture(i, float(s), png) for i, (s, png) in enumerate(zip(scores, pngs, strict=True))]
    return sorted(pictures, key=lambda picture: -picture.score)


def split_of_caption(prompt: str, pairs: Artifact) -> str | None:
    """The split, "train" or "val", that has this prompt as a caption, letter by letter but for case; None if none has.

    Only the captions of the packed pairs are read, not their images.
    """
    wanted = prompt.strip().casefold()
    for split in ("train", "val"):
        for shard in pairs.files(split):
            captions = schemas.read_table(shard, ["caption"])["caption"].to_pylist()
            if any(caption.casefold() == wanted for caption in captions):
                return split
    return None
