"""What a CLIP tells apart in pictures of people: labels, each with the caption that stands for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.checkpoints import ranker_of
from tasks.engine.artifact import Artifact
from tasks.settings import Settings


@dataclass(frozen=True)
class Attribute:
    """Labels that exclude each other, by name, with their captions."""

    name: str
    labels: dict[str, str]


ATTRIBUTES = (
    Attribute("gender presentation", {"woman": "a photo of a woman", "man": "a photo of a man"}),
    Attribute(
        "skin tone",
        {
            "light": "a photo of a person with light skin",
            "medium": "a photo of a person with medium brown skin",
            "dark": "a photo of a person with dark skin",
        },
    ),
    Attribute(
        "age",
        {
            "child": "a photo of a child",
            "young": "a photo of a young adult",
            "middle-aged": "a photo of a middle-aged person",
            "old": "a photo of an old person",
        },
    ),
)
NOISE = (0.1, 0.2, 0.3, 0.4)  # standard deviations of neutral pictures of noise, of values in [0, 1]


def shares(clip: Artifact, images: NDArray[np.uint8], settings: Settings) -> NDArray[np.float32]:
    """How likely each label is by a CLIP, zero-shot, against the others of its attribute.

    A softmax of the cosines with the captions times the CLIP's own factor (Radford et al. 2021, section 3.1.2).

    Args:
        images: uint8 RGB [B, H, W, 3], square.

    Returns:
        [B, labels of all attributes, one attribute after the other]; those of an attribute add up to 1.
    """
    from models.clip.model import probabilities

    model = ranker_of(clip, settings)
    return np.concatenate([probabilities(model, images, [*each.labels.values()]) for each in ATTRIBUTES], 1)


def split(values: Sequence[float]) -> dict[str, dict[str, float]]:
    """Values for all labels, as `shares` orders them, by attribute and label."""
    rest = iter(values)
    return {each.name: {label: next(rest) for label in each.labels} for each in ATTRIBUTES}


def neutral_pictures(side_px: int) -> NDArray[np.uint8]:
    """Pictures that show nobody: plain greys, plain colours, gradients and noise: uint8 [B, side, side, 3]."""
    plain = [(level,) * 3 for level in range(0, 256, 51)]
    plain += [(220, 60, 60), (60, 180, 60), (60, 90, 220), (230, 200, 60), (160, 80, 200), (240, 160, 180)]
    flat = [np.full((side_px, side_px, 3), colour, np.float64) for colour in plain]
    ramp = np.broadcast_to(np.linspace(0, 255, side_px)[:, None, None], (side_px, side_px, 3))
    ramps = [np.rot90(ramp, turns) for turns in range(4)]
    random = np.random.default_rng(0)
    noise = [random.normal(127.5, 255 * spread, (side_px, side_px, 3)) for spread in NOISE]
    noise += [random.normal(127.5, 255 * spread, (side_px, side_px, 1)).repeat(3, -1) for spread in NOISE]
    return np.stack([*flat, *ramps, *noise]).clip(0, 255).round().astype(np.uint8)
