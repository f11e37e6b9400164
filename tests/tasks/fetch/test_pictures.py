"""What is stored of a picture is what a browser shows, in bounded memory; formats that are not read are named."""

import random
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.mutations import mutated
from support.processes import children_running
from support.shown_pictures import file, image, oriented, pictures

from models.training.images import decode
from tasks.fetch.config import Config
from tasks.fetch.fetched import CHILD, Fetched, fetch_rows
from tasks.fetch.image_files import is_animated, is_cut, read_header, unread_format

FILES = pictures()
LOSS = 12  # levels by which storing as JPEG changes these pictures' pixels, on average, at most
LARGE = (7_300, 5_470)  # just under 40 megapixels
MOST_MB = 700  # in a process that fetches; one decoded picture of 40 megapixels takes 160 MB
SVG = b"<?xml version='1.0'?>\n<!-- by hand -->\n<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
UNREAD = {
    "AVIF": file(image(), "AVIF"),
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "JPEG 2000": file(image(), "JPEG2000"),
    "ICO": file(image(), "ICO"),
    "SVG": SVG,
    "PDF": file(image(), "PDF"),
}


def fetched(files: dict[str, bytes], folder: Path, config: Config | None = None) -> dict[str, Fetched]:
    """What became of files in a folder, by name."""
    for name, encoded in files.items():
        (folder / name).write_bytes(encoded)
    urls = [(folder / name).as_uri() for name in files]
    return dict(zip(files, fetch_rows(config or Config(), urls, set(urls), str(folder)), strict=True))


def test_every_kind_of_picture_is_stored_as_a_browser_shows_it(tmp_path):
    for name, found in fetched(FILES, tmp_path).items():
        assert found.refusal is None, name
        assert found.image is not None
        shown, stored = decode(FILES[name]), decode(found.image)
        assert (found.height, found.width) == shown.shape[:2] == stored.shape[:2], name
        assert np.abs(stored.astype(int) - shown).mean() < LOSS, name


def test_a_large_jpeg_is_stored_as_one_that_is_decoded_whole(tmp_path):
    large = image().resize((3_600, 2_400), Image.Resampling.BICUBIC)
    files = {"a.jpg": file(large, "JPEG", exif=oriented(6)), "a.png": file(large, exif=oriented(6))}
    jpeg, png = fetched(files, tmp_path).values()
    assert (jpeg.width, jpeg.height) == (png.width, png.height) == (2_400, 3_600)
    scaled, whole = decode(jpeg.image or b""), decode(png.image or b"")
    assert scaled.shape == whole.shape == (576, 384, 3)
    assert np.abs(scaled.astype(int) - whole).max() <= 12


@pytest.mark.end_to_end
def test_many_large_pictures_at_once_take_the_memory_of_one(tmp_path, monkeypatch):
    jpeg = file(Image.new("RGB", LARGE, "teal"), "JPEG", exif=oriented(6))
    palette = file(Image.new("P", LARGE), exif=oriented(8))
    files = {f"{number}.jpg": jpeg for number in range(24)} | {"a.png": palette}
    config = Config(max_pixels=39_999_999, threads=16)
    monkeypatch.setattr("tasks.engine.child._idle", defaultdict(list))  # so that the process is a new one
    before = {child.pid for child in children_running(CHILD)}
    assert {found.refusal for found in fetched(files, tmp_path, config).values()} == {None}
    (child,) = [child for child in children_running(CHILD) if child.pid not in before]
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
    assert peak is not None
    assert int(peak[1]) / 1024 < MOST_MB


def test_a_format_that_is_not_read_is_refused_by_its_name(tmp_path):
    refusals = {name: found.refusal for name, found in fetched(UNREAD, tmp_path).items()}
    assert refusals == {name: ("unsupported_format", name) for name in UNREAD}


def test_animations_and_tiny_files_can_be_refused(tmp_path):
    ramps, turned = image(), image().transpose(Image.Transpose.ROTATE_180)
    animations = {
        name: file(ramps, name, save_all=True, append_images=[turned, ramps], duration=100)
        for name in ("GIF", "PNG", "WEBP")
    }
    stills = {f"{name}-still": file(ramps, name) for name in (*animations, "JPEG")}
    assert {found.refusal for found in fetched(animations | stills, tmp_path).values()} == {None}
    strict = fetched(animations | stills, tmp_path, Config(keep_animated=False))
    refused = {name: found.refusal for name, found in strict.items() if found.refusal is not None}
    assert refused == {name: ("animated", name) for name in animations}
    least = len(stills["JPEG-still"])
    small = fetched(
        {"a": stills["JPEG-still"], "b": file(ramps, "JPEG", quality=20)}, tmp_path, Config(min_bytes=least)
    )
    assert (small["a"].refusal, small["b"].refusal) == (
        None,
        ("too_few_bytes", f"{(tmp_path / 'b').stat().st_size} bytes"),
    )
    assert not any(is_animated(encoded) for name, encoded in FILES.items() if "animat" not in name)


@pytest.mark.parametrize("data", [b"", b"<!doctype html><svg></svg>", b"<html><svg/></html>", bytes(64), b"GIF89a"])
def test_what_is_no_image_has_no_format(data):
    assert unread_format(data) is None


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("bmp")])
def test_whole_files_are_whole_with_anything_behind_them_and_cut_ones_are_not(name):
    encoded = FILES[name]
    assert not is_cut(encoded)
    assert not is_cut(encoded + b"\r\n\0\0<!-- cached -->" * 20)
    assert is_cut(encoded[: len(encoded) // 4])


def test_nothing_that_looks_into_damaged_files_raises():
    chance, files = random.Random(0), [*FILES.values(), *UNREAD.values()]
    for _ in range(3_000):
        encoded = mutated(chance.choice(files), chance)
        is_cut(encoded)
        is_animated(encoded)
        read_header(encoded)
        unread_format(encoded)


@pytest.mark.slow
def test_every_damaged_file_is_stored_or_refused(tmp_path):
    chance, files = random.Random(1), list(FILES.values())
    damaged = {str(number): mutated(chance.choice(files), chance) for number in range(1_000)}
    for found in fetched(damaged, tmp_path).values():
        assert (found.image is None) != (found.refusal is None)
