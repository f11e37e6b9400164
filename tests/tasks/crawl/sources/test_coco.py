"""COCO captions: each annotation is a pair with the licence of its image."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.lists import faults, pairs, read

from tasks.errors import SourceError
from tasks.settings import Settings

BY_NC = "http://creativecommons.org/licenses/by-nc/2.0/"
CONTENT = {
    "licenses": [{"id": 2, "name": "Attribution-NonCommercial License", "url": BY_NC}],
    "images": [
        {"id": 9, "license": 2, "file_name": "9.jpg", "coco_url": "http://images.cocodataset.org/train2017/9.jpg"},
        {"id": 8, "file_name": "8.jpg", "flickr_url": "http://farm1.staticflickr.com/8.jpg"},
    ],
    "annotations": [
        {"id": 1, "image_id": 9, "caption": "A dog asleep."},
        {"id": 2, "image_id": 8, "caption": "A cat. "},
        {"id": 3, "image_id": 9, "caption": "A dog in a garden."},
        {"id": 4, "image_id": 7, "caption": "A cow."},
        {"id": 5, "image_id": 9},
        {"id": 6, "image_id": 9, "caption": "half \ud800"},
        "nonsense",
    ],
}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_every_annotation_is_a_pair_or_a_reject(settings: Settings, tmp_path: Path) -> None:
    candidates, rejects = read(
        settings, "coco", written(tmp_path / "captions_val2017.json", CONTENT), split="validation"
    )
    dog, cat = "http://images.cocodataset.org/train2017/9.jpg", "http://farm1.staticflickr.com/8.jpg"
    assert pairs(candidates) == [(dog, "A dog asleep."), (cat, "A cat."), (dog, "A dog in a garden.")]
    assert [row["licence"] for row in candidates] == [BY_NC, None, BY_NC]
    assert {row["split"] for row in candidates} == {"validation"}
    assert faults(rejects) == [
        ("malformed_row", "captions_val2017.json annotation 4: there is no image 7"),
        ("malformed_row", "captions_val2017.json annotation 5: no caption"),
        ("malformed_row", "captions_val2017.json annotation 6: a text holds half a character"),
        ("malformed_row", "captions_val2017.json annotation 7: no annotation of an image"),
    ]


def test_licences_can_be_excluded(settings: Settings, tmp_path: Path) -> None:
    candidates, _ = read(settings, "coco", written(tmp_path / "a.json", CONTENT), exclude_licences=["nc"])
    assert [row["alt"] for row in candidates] == ["A cat."]


@pytest.mark.parametrize("content", [[], {}, {"images": [], "annotations": 3}, {"images": [1], "annotations": []}])
def test_other_json_is_one_sentence(settings: Settings, tmp_path: Path, content: Any) -> None:
    with pytest.raises(SourceError, match=r"a\.json is no JSON of COCO's captions, with images and anno"):
        read(settings, "coco", written(tmp_path / "a.json", content))
