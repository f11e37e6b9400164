"""Pictures of other models as folders: those of a run, drawn anew with some damage."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from models.training.images import Pixels, decode, encode_png
from support.finished_run import FinishedRun
from support.tables import rows


def whole(pixels: Pixels) -> Pixels:
    return pixels


def blurred(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 6.0))


def pictures_folder(run: FinishedRun, folder: Path, damage: Callable[[Pixels], Pixels] = whole, shift: int = 0) -> Path:
    """The samples of a run as `PROMPT_ID-k.png`.

    Args:
        shift: how many prompts further the picture of each prompt is given to; 0 for its own.
    """
    folder.mkdir(parents=True)
    samples = rows(run.artifacts["rerank"], "scores")
    number = max(row["prompt_id"] for row in samples) + 1
    for row in samples:
        name = f"{(row['prompt_id'] + shift) % number}-{row['rank']}.png"
        (folder / name).write_bytes(encode_png(damage(decode(row["image"]))))
    return folder
