"""What raters get says nothing of the sides; the key stands apart."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.study import PROMPTS, side_folder

from tasks.errors import ConfigError, SourceError
from tasks.study.page import cut_up, read_key, write_study
from tasks.study.pairs import StudyKey, draw_pairs
from tasks.study.sides import read_side

A_LEVEL, B_LEVEL = 10, 200


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, StudyKey]:
    """A study of a dark side A and a bright side B, with checks."""
    sides = (
        read_side(side_folder(tmp_path / "secret-a", A_LEVEL)),
        read_side(side_folder(tmp_path / "secret-b", B_LEVEL)),
    )
    key = draw_pairs(*sides, seed=5, checks=2)
    write_study(key, *sides, tmp_path / "out", side_px=64)
    return tmp_path / "out", key


def picture(out: Path, number: int, place: str) -> np.ndarray:
    return cv2.imread(str(out / "for-raters" / "pictures" / f"{number:04d}-{place}.png"))


def test_the_key_says_which_picture_is_whose(made: tuple[Path, StudyKey]) -> None:
    out, key = made
    assert read_key(out) == key
    for pair in key.compared():
        levels = {place: int(picture(out, pair.number, place)[0, 0, 0]) for place in ("left", "right")}
        number = PROMPTS.index(pair.prompt)
        right = "b" if pair.left == "a" else "a"
        assert levels == {
            place: {"a": A_LEVEL, "b": B_LEVEL}[side] + number
            for place, side in (("left", pair.left), ("right", right))
        }


def test_nothing_that_raters_get_names_a_side_or_a_source(made: tuple[Path, StudyKey]) -> None:
    out, key = made
    given = [path for path in (out / "for-raters").rglob("*") if path.is_file()]
    assert len(given) == 2 * len(key.pairs) + 1
    for path in given:
        assert re.fullmatch(r"index\.html|\d{4}-(left|right)\.png", path.name)
        assert b"secret" not in path.read_bytes()
    chunks = {re.search(rb"IHDR(.{13})", path.read_bytes(), re.DOTALL)[1] for path in given if path.suffix == ".png"}
    assert len(chunks) == 1  # one size, one kind of colour
    assert not any(
        re.search(rb"tEXt|iTXt|tIME|eXIf|pHYs", path.read_bytes()) for path in given if path.suffix == ".png"
    )
    known = json.loads(re.search(r'id="study">(.*?)</script>', (out / "for-raters/index.html").read_text(), re.S)[1])
    assert set(known) == {"study", "title", "pairs"}
    assert {name for pair in known["pairs"] for name in pair} == {"number", "caption", "left", "right"}


def test_the_page_asks_for_nothing_outside(made: tuple[Path, StudyKey]) -> None:
    page = (made[0] / "for-raters" / "index.html").read_text()
    assert "://" not in page
    assert "{{" not in page
    assert "default-src 'none'" in page


def test_a_caption_cannot_end_the_script(tmp_path: Path) -> None:
    caption = "</script><script>alert(1)</script> & <b>"
    sides = [read_side(side_folder(tmp_path / name, 10, [caption])) for name in "ab"]
    write_study(draw_pairs(*sides, seed=0), *sides, tmp_path / "out", side_px=32)
    page = (tmp_path / "out/for-raters/index.html").read_text()
    assert "alert(1)</script>" not in page
    assert json.loads(re.search(r'id="study">(.*?)</script>', page, re.S)[1])["pairs"][0]["caption"] == caption


def test_a_picture_that_is_cut_up_has_every_tile_elsewhere() -> None:
    image = np.arange(16 * 16 * 3, dtype=np.int64).reshape(16, 16, 3)
    moved = cut_up(image, np.random.default_rng(0))
    assert sorted(moved.ravel()) == sorted(image.ravel())
    tiles = [(slice(y, y + 4), slice(x, x + 4)) for y in range(0, 16, 4) for x in range(0, 16, 4)]
    assert not any(np.array_equal(moved[tile], image[tile]) for tile in tiles)


def test_what_is_there_already_is_not_replaced_and_a_failure_leaves_nothing(
    made: tuple[Path, StudyKey], tmp_path: Path
) -> None:
    out, key = made
    a, b = (read_side(str(tmp_path / name)) for name in ("secret-a", "secret-b"))
    with pytest.raises(ConfigError, match="is there already"):
        write_study(key, a, b, out, side_px=64)
    (tmp_path / "secret-b" / "3.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=f"A picture for '{PROMPTS[3]}' cannot be decoded"):
        write_study(key, a, b, tmp_path / "new", side_px=64)
    assert not (tmp_path / "new").exists()
    with pytest.raises(SourceError, match=r"holds no key\.json"):
        read_key(tmp_path)
