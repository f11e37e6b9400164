"""Reads the words in a picture with RapidOCR, whose models (PP-OCRv6, small) are part of its package."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rapidocr import RapidOCR

SIDE_PX = 256  # to which smaller pictures are enlarged: the OCR was made for letters of many pixels
ONE_THREAD = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}  # as Dask's workers


def read_words(image: NDArray[np.uint8]) -> str:
    """The text in a square picture, RGB uint8 [H, W, 3], line by line with spaces between; empty if none is read."""
    import cv2

    side = max(SIDE_PX, len(image))
    enlarged = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    found: Any = _ocr()(np.ascontiguousarray(enlarged[:, :, ::-1]))  # it wants BGR
    return " ".join(found.txts or ())


@lru_cache(maxsize=1)
def _ocr() -> "RapidOCR":
    from rapidocr import RapidOCR

    upright = {"Global.use_cls": False}  # it turns no line of text upside down
    return RapidOCR(params={"Global.log_level": "critical", "Det.limit_side_len": SIDE_PX, **upright, **ONE_THREAD})
