"""`dalle generate`: every prompt and seed has a folder of its own, and the sheet shows prompt, ranks and scores."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from PIL import Image
from support.finished_run import emoji_pairs
from support.tables import artifact
from support.tiny_models import tiny_generator, tiny_ranker

from flows.cli import generate
from flows.cli.generate import Wish
from flows.cli.sheet import LEAST_SIDE, contact_sheet, installed_fonts, writable
from flows.pipeline import Models
from flows.recipes import smoke
from tasks import pack
from tasks.errors import ConfigError
from tasks.generate import Picture
from tasks.settings import Settings

Draw = Callable[..., dict[str, Any]]


@pytest.fixture
def draw(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """`draw_files` with tiny models, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    pairs = pack.pack(pack.Config(), settings, images=artifact("images", settings, emoji_pairs(24))).artifact
    generator = tiny_generator(settings)
    models = Models(tokenizer=generator, tokens=pairs, generator=generator, ranker=tiny_ranker(settings))
    monkeypatch.setattr(generate, "trained", lambda *_: (pairs, models))

    def drawn(prompt: str, n: int = 3, top: int = 2, seed: int = 0, out: Path | None = None) -> dict[str, Any]:
        return generate.draw_files(Wish(prompt, n, top, seed), smoke(), settings, out, "dalle run", lambda phase: None)

    return drawn


def folder_of(record: dict[str, Any]) -> Path:
    return Path(record["sheet"]).parent


def pngs(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.png")}


def test_no_two_prompts_or_seeds_share_a_folder(draw: Draw) -> None:
    long = "a very long prompt that goes on and on about the colours of the sky " * 2
    prompts = ["a red apple", "A red apple!", "赤いりんご", "青いりんご", "🍎", "🍏", "../..", long + "x", long + "y"]
    folders = [folder_of(draw(prompt)) for prompt in prompts] + [folder_of(draw("a red apple", seed=1))]
    assert len(set(folders)) == len(folders)
    assert {folder.parent for folder in folders} == {Path("generated")}
    assert all(len(folder.name.encode()) < 200 for folder in folders)


def test_fewer_pictures_of_the_same_call_leave_no_old_ones_beside_them(draw: Draw) -> None:
    folder = folder_of(draw("a frog", n=4, top=4))
    assert folder == folder_of(draw("a frog", n=4, top=1))
    assert pngs(folder) == {"00.png", "sheet.png"}


@pytest.mark.parametrize("other", [{"prompt": "a cat"}, {"prompt": "a frog", "seed": 1}])
def test_a_folder_with_pictures_of_another_call_is_not_touched(
    draw: Draw, tmp_path: Path, other: dict[str, Any]
) -> None:
    draw("a frog", out=tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    with pytest.raises(ConfigError, match="already holds pictures of 'a frog', seed 0"):
        draw(**other, out=tmp_path / "mine")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before


def test_a_folder_of_photographs_is_not_touched(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "00.png").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="already holds pictures"):
        draw("a frog", out=tmp_path / "photos")


@pytest.mark.parametrize("prompt", ["", " \t"])
def test_an_empty_prompt_is_refused(draw: Draw, prompt: str) -> None:
    with pytest.raises(ConfigError, match="The prompt is empty"):
        draw(prompt)


def test_what_the_models_did_not_read_of_a_prompt_is_told(draw: Draw) -> None:
    [said, _] = generate.remarks(draw("a red apple on a green table beside a very old blue lamp at night"))
    assert "did not read its end" in said
    assert said.endswith("at night”.")
    assert generate.remarks(draw("a cat")) == ["This prompt is not a caption from training."]


def test_a_training_caption_is_said_to_be_one(draw: Draw) -> None:
    captions = [pair["caption"] for pair in emoji_pairs(24)]
    assert {draw(caption)["caption_of"] for caption in captions} == {"train", "val"}


@pytest.mark.parametrize(("side", "count"), [(16, 1), (60, 9), (256, 2)])
def test_small_pictures_are_enlarged_on_the_sheet_and_large_ones_are_not_shrunk(side: int, count: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "PNG")
    pictures = [Picture(index, 0.5, buffer.getvalue()) for index in range(count)]
    sheet = Image.open(io.BytesIO(contact_sheet("赤 a prompt " * 30, "a note", pictures)))
    red = sum(1 for pixel in sheet.get_flattened_data() if pixel == (255, 0, 0))
    assert red >= count * max(side, LEAST_SIDE) ** 2


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
    buffer = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(buffer, "PNG")
    first, second = (contact_sheet(prompt, "a note", [Picture(0, 0.5, buffer.getvalue())]) for prompt in ("赤", "青"))
    assert first != second
