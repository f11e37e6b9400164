"""COCO captions: one JSON file with images, annotations and licences, such as captions_train2017.json."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import pyarrow as pa

from tasks.crawl.lists import tsv
from tasks.crawl.lists.listed import ListSource, rows
from tasks.errors import SourceError

ROWS_AT_ONCE = 50_000


class COCOSource(ListSource):
    """Captions of COCO, as published: a row is an annotation. The whole file, of 92 MB at most, is in memory.

    COCO is what the paper measures on, so who trains on it cannot measure on it.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    kind: Literal["coco"] = "coco"

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each annotation; the licence is its address."""
        images, licences, annotations = _content(part)
        for start in range(0, len(annotations), ROWS_AT_ONCE):
            found = [_row(each, images, licences) for each in annotations[start : start + ROWS_AT_ONCE]]
            columns = {name: pa.array([row.get(name) for row in found], pa.string()) for name in ROW}
            yield rows("annotation", range(start + 1, start + 1 + len(found)), **columns)


ROW = ("url", "alt", "page_url", "licence", "fault")


def _content(part: str) -> tuple[dict[Any, Any], dict[Any, Any], list[Any]]:
    """Images and licences by id, and the annotations.

    Raises:
        SourceError: the file is none of COCO's captions.
    """
    try:
        with tsv.opened(part) as file:
            content = json.load(file)
        images = {each["id"]: each for each in content["images"]}
        licences = {each["id"]: each.get("url") or each.get("name") for each in content.get("licenses", [])}
        annotations = content["annotations"]
        if not isinstance(annotations, list):
            raise TypeError("annotations is no list")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"{part} is no JSON of COCO's captions, with images and annotations ({str(error)[:100]}): "
            "check source.sources."
        ) from error
    return images, licences, annotations


def _row(annotation: Any, images: dict[Any, Any], licences: dict[Any, Any]) -> dict[str, Any]:
    """The columns of an annotation; texts, or none."""
    if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int | str):
        return {"fault": "no annotation of an image"}
    image = images.get(annotation["image_id"])
    if image is None:
        return {"fault": f"there is no image {annotation['image_id']}"[:100]}
    caption = annotation.get("caption")
    if not isinstance(caption, str):
        return {"fault": "no caption"}
    licence = image.get("license")
    row = {
        "url": image.get("coco_url") or image.get("flickr_url"),
        "alt": caption,
        "licence": licences.get(licence) if isinstance(licence, int | str) else None,
    }
    if any(isinstance(value, str) and not _is_unicode(value) for value in row.values()):
        return {"fault": "a text holds half a character"}
    return {name: value if isinstance(value, str) else None for name, value in row.items()}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
