"""Captions of COCO: the protocol of 30,000 prompts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.errors import SourceError
from tasks.sample.suites.files import text_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt


class COCOSuite(SuiteConfig):
    """One caption of each of 30,000 images of the validation set, both chosen by the seed (section 3.1).

    Read is the JSON file as published, such as captions_val2014.json, with the captions under `annotations`. The whole
    file is in memory for a moment, and of each image one caption.
    """

    kind: Literal["coco"] = "coco"
    count: int | None = Field(30_000, ge=1, description="At most so many images, chosen by `seed`; all if unset.")

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """One caption of each image."""
        chosen: dict[int | str, tuple[bytes, str, str]] = {}
        for number, annotation in enumerate(_annotations(Path(self.path)), 1):
            place = f"Annotation {number} of {self.path}"
            image, caption = _read(place, annotation)
            own = (self.hash(f"{annotation.get('id', number)}"), place, caption)
            chosen[image] = min(own, chosen.get(image, own))
        return ((place, SuitePrompt(caption)) for _, place, caption in chosen.values())


def _annotations(file: Path) -> list[Any]:
    try:
        found = json.loads(text_of(file))["annotations"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise SourceError(f"{file} is no JSON of COCO's captions, with a list of annotations: check sample.suites.")
    return found


def _read(place: str, annotation: Any) -> tuple[int | str, str]:
    """The image that an annotation is of, and its caption."""
    found = annotation if isinstance(annotation, dict) else {}
    image, caption = found.get("image_id"), found.get("caption")
    if not isinstance(image, int | str) or not isinstance(caption, str):
        raise SourceError(f"{place} has no image_id with a caption: take COCO's file as it was published.")
    return image, caption.strip()
