"""What a CLIP wants of its images before it sees them: openai/CLIP's own, or as a published folder says."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from models.files import PREPROCESSOR
from models.training.errors import CheckpointError

MODES = {2: "bilinear", 3: "bicubic"}  # by the numbers of PIL, which the file has

Colour = tuple[float, float, float]


class Preprocessing(NamedTuple):
    """Of square images.

    Attributes:
        resized: side to which an image is resized, pixels.
        side: of the centred square that is kept of it, pixels.
        mode: interpolation, as torch names it.
        mean: subtracted from RGB between 0 and 1.
        deviation: by which that is divided.
    """

    resized: int
    side: int
    mode: str
    mean: Colour = (0.4815, 0.4578, 0.4082)  # openai/CLIP's
    deviation: Colour = (0.2686, 0.2613, 0.2758)

    def __call__(self, images: Tensor) -> Tensor:
        """Square uint8 [B, 3, H, W] to normalised fp32 [B, 3, side, side]."""
        pixels = images.float() / 255.0
        if pixels.shape[-1] != self.resized:
            antialias = {} if self.mode == "area" else {"antialias": True, "align_corners": False}
            pixels = F.interpolate(pixels, (self.resized, self.resized), mode=self.mode, **antialias).clamp(0.0, 1.0)
        start = (self.resized - self.side) // 2
        pixels = pixels[..., start : start + self.side, start : start + self.side]
        return (pixels - pixels.new_tensor(self.mean)[:, None, None]) / pixels.new_tensor(self.deviation)[:, None, None]


def published_preprocessing(folder: Path, side: int) -> Preprocessing:
    """What preprocessor_config.json of the transformers library says; openai/CLIP's where there is none.

    Args:
        side: of the images that the model sees, pixels.

    Raises:
        CheckpointError: it asks for what this does not do, or for images that the model does not see.
    """
    path = folder / PREPROCESSOR
    if not path.exists():
        return Preprocessing(side, side, "bicubic")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        resized = _side(said.get("size", side))
        kept = _side(said.get("crop_size", side)) if said.get("do_center_crop", True) else resized
        if not kept == side <= resized:
            raise ValueError(f"a square of {kept} pixels of {resized}, where the model sees {side}")
        plain = Preprocessing(resized, side, MODES[said.get("resample", 3)])
        if not said.get("do_normalize", True):
            return plain._replace(mean=(0, 0, 0), deviation=(1, 1, 1))
        return plain._replace(
            mean=_colour(said.get("image_mean", plain.mean)), deviation=_colour(said.get("image_std", plain.deviation))
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} asks for a preprocessing that is not known here: {error}") from error


def _side(size: Any) -> int:
    """The one number in 224, {"shortest_edge": 224} or {"height": 224, "width": 224}."""
    (side,) = set(size.values()) if isinstance(size, dict) else {size}
    return int(side)


def _colour(values: Any) -> Colour:
    red, green, blue = map(float, values)
    return red, green, blue
