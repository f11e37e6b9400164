"""A picture as prompt: its centred square, within bounds, and a sentence for each file that is none."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks import image_prompt as picture
from tasks.errors import ConfigError, PipelineError
from tasks.image_prompt import KEEP_ROWS, image_prompt, read_image_prompt, require_picture


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    """A picture that is red in its middle column of squares and blue elsewhere."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = (0, 0, 255)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    pixels[top : top + side, left : left + side] = (255, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A few bytes that claim to be a picture of side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_the_centred_square_is_taken_in_its_own_size() -> None:
    prompt = image_prompt(encoded(90, 40), "cat.png", None, None)
    assert prompt.image.shape == (40, 40, 3)
    assert (prompt.image == (255, 0, 0)).all()


def test_the_upper_15_of_32_rows_are_kept_if_nothing_is_said() -> None:
    said = [image_prompt(encoded(8, 8), "cat.png", *kept) for kept in ((None, None), (0.25, None), (None, 0.5))]
    assert [(p.keep_rows, p.keep_columns) for p in said] == [(KEEP_ROWS, 0.0), (0.25, 0.0), (0.0, 0.5)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no picture"),
        (b"a letter to a friend", "is no picture"),
        (b"%PDF-1.7 and so on", "of the format PDF, which is not read"),
        (encoded(64, 64)[:120], "is cut off"),
        (encoded(64, 64, "JPEG")[:-40], "is cut off"),
        (huge_png(60_000), "more than 64 megapixels"),
        (huge_png(9_000), "more than 64 megapixels"),
        (huge_png(64), "is damaged"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "cat.jpg").write_bytes(content)
    with pytest.raises(PipelineError, match=rf"cat\.jpg (is|has) .*{said.removeprefix('is ')}|{said}"):
        read_image_prompt(tmp_path / "cat.jpg", None, None)


def test_a_file_beyond_the_bound_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MOST_BYTES", 1 << 20)
    with (tmp_path / "cat.jpg").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PipelineError, match="larger than 1 MiB"):
        read_image_prompt(tmp_path / "cat.jpg", None, None)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"Cannot read .*cat\.jpg \(No such file"):
        read_image_prompt(tmp_path / "cat.jpg", None, None)


@pytest.mark.parametrize(("rows", "columns", "said"), [(1.0, None, "nothing would be"), (0.0, None, "Nothing of the")])
def test_shares_that_leave_nothing_or_keep_nothing_are_refused(rows: float, columns: None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        image_prompt(encoded(8, 8), "cat.png", rows, columns)


def test_shares_without_a_picture_are_refused() -> None:
    with pytest.raises(ConfigError, match="no picture to keep a part of"):
        require_picture(False, 0.5, None)
