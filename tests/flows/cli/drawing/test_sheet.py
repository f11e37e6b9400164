"""Sheets show every picture at a size that can be looked at, and write prompts in any script."""

import io
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from flows.cli.drawing.sheet import LEAST_SIDE, ScoredPicture, Strip, contact_sheet, installed_fonts, writable


def red(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "PNG")
    return buffer.getvalue()


def sheet_of(*strips: tuple[str, int], side: int = 60) -> bytes:
    """A sheet of prompts with a number of pictures each."""
    return contact_sheet([Strip(prompt, "a note", [ScoredPicture(red(side), 0.5)] * count) for prompt, count in strips])


def reds(sheet: bytes) -> int:
    return sum(1 for pixel in Image.open(io.BytesIO(sheet)).get_flattened_data() if pixel == (255, 0, 0))


@pytest.mark.parametrize(("side", "count"), [(16, 1), (60, 9), (256, 2)])
def test_small_pictures_are_enlarged_on_the_sheet_and_large_ones_are_not_shrunk(side: int, count: int) -> None:
    assert reds(sheet_of(("赤 a prompt " * 30, count), side=side)) >= count * max(side, LEAST_SIDE) ** 2


def test_several_prompts_stand_one_below_the_other_with_all_their_pictures() -> None:
    one, three = sheet_of(("a frog", 4)), sheet_of(("a frog", 4), ("a very long prompt " * 20, 4), ("a cat", 2))
    assert reds(three) == reds(one) * 10 // 4
    heights = [Image.open(io.BytesIO(sheet)).height for sheet in (one, three)]
    assert heights[1] > 3 * heights[0]


def test_letters_that_no_font_has_are_escaped_and_all_others_are_written_as_they_are() -> None:
    [dejavu, *_] = installed_fonts()
    assert writable("a café, яблоко", [dejavu]) == ("a café, яблоко", dejavu)
    assert writable("赤 a cat", [dejavu]) == (r"\u8d64 a cat", dejavu)


def test_a_font_that_has_all_letters_of_a_prompt_writes_it() -> None:
    """Here of letters that Computer Modern lacks, in place of Chinese, for which no font may be installed."""
    modern, dejavu = (str(Path(matplotlib.get_data_path(), "fonts", "ttf", f)) for f in ("cmr10.ttf", "DejaVuSans.ttf"))
    assert writable("яблоко", [modern, dejavu]) == ("яблоко", dejavu)
    assert writable("yes", [modern, dejavu]) == ("yes", modern)


def test_a_file_that_is_no_font_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    [dejavu, *_] = installed_fonts()
    assert writable("a cat", [str(tmp_path / "broken.ttf"), dejavu]) == ("a cat", dejavu)
    assert not any("LastResort" in face for face in installed_fonts())


def test_a_prompt_in_chinese_stands_on_its_sheet_without_boxes() -> None:
    """No two letters look the same there, as boxes would."""
    first, second = (sheet_of((prompt, 1)) for prompt in ("赤", "青"))
    assert first != second
