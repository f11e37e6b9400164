"""`dalle generate`: every prompt and seed has a folder of its own, with all candidates, the best, a sheet, a record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.finished_run import emoji_pairs
from support.painter import Painter
from support.tiny_models import CODES, GRID

from flows.cli.drawing import generate
from flows.cli.drawing.generate import DrawingPace, Wish
from flows.cli.drawing.prompts import PromptRow
from flows.pipeline import Models
from models.generator import Generator, ImagePrompt, Sampling
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.generate import ArtifactModels, Request
from tasks.settings import Settings

Draw = Callable[..., dict[str, Any]]
PICTURE = ImagePrompt(np.zeros((8, 8, 3), np.uint8))


class Told:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, phase: str) -> None:
        self.lines.append(phase)

    def progress(self, text: str) -> None:
        self.lines.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)


class PaintingModels(ArtifactModels):
    """Tiny models whose generator takes a picture, and draws no codes."""

    def generator(self) -> Generator:
        return Painter()


@pytest.fixture
def models(settings: Settings, trained: tuple[Artifact, Models]) -> ArtifactModels:
    pairs, models = trained
    return ArtifactModels(pairs, models.generator, models.ranker, settings)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def draw(models: ArtifactModels, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """`draw_files` with tiny models, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)

    def drawn(
        *prompts: str | PromptRow,
        n: int = 3,
        top: int = 2,
        out: Path | None = None,
        models: ArtifactModels = models,
        **how: Any,
    ) -> dict[str, Any]:
        rows = [prompt if isinstance(prompt, PromptRow) else PromptRow(prompt) for prompt in prompts]
        return generate.draw_files(Wish(rows, Request((), n, **how), top, out), models, told)

    return drawn


def folder_of(record: dict[str, Any]) -> Path:
    return Path(record["sheet"]).parent


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    draw("a frog", n=2, top=1)
    assert pngs(folder / "candidates") == {"0000.png", "0001.png"}


def test_the_record_has_all_candidates_with_score_and_rank_and_their_codes(draw: Draw) -> None:
    record = draw("a frog", n=5, top=2, seed=3)
    assert [picture["rank"] for picture in record["pictures"]] == list(range(5))
    assert sorted(picture["index"] for picture in record["pictures"]) == list(range(5))
    scores = [picture["score"] for picture in record["pictures"]]
    assert scores == sorted(scores, reverse=True)
    assert [best["score"] for best in record["best"]] == scores[:2]
    for best, picture in zip(record["best"], record["pictures"], strict=False):
        assert Path(best["path"]).read_bytes() == Path(picture["path"]).read_bytes()
    codes = np.load(folder_of(record) / "codes.npy")
    assert (codes.shape, codes.dtype) == ((5, GRID**2), np.uint16)
    assert codes.max() < CODES
    stored = json.loads((folder_of(record) / "pictures.json").read_text())
    assert (stored["pictures"], stored["seed"], stored["finished"]) == (record["pictures"], 3, True)


def test_the_first_picture_is_told_when_it_is_there(draw: Draw, told: Told) -> None:
    draw("a frog", n=2)
    [line] = [line for line in told.lines if line.startswith("First picture: ")]
    assert Path(line.removeprefix("First picture: ")).read_bytes().startswith(b"\x89PNG")
    assert told.lines.index(line) < told.lines.index("Loading the ranker")


def test_a_killed_call_is_replaced_by_the_next(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the kill comes when the candidates are written, before they are ranked."""
    with monkeypatch.context() as patched:
        patched.setattr(ArtifactModels, "ranker", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            draw("a frog", n=4, out=Path("mine"))
    assert len(pngs(Path("mine") / "candidates")) == 4
    draw("a frog", n=2, out=Path("mine"))
    assert pngs(Path("mine") / "candidates") == {"0000.png", "0001.png"}


def test_several_prompts_have_a_folder_each_and_one_sheet(draw: Draw) -> None:
    rows = [PromptRow("a frog", {"id": "7"}), PromptRow("a cat", {"id": "8"}), PromptRow("a frog", {"id": "9"})]
    index = draw(*rows)
    assert [(each["prompt"], each["columns"]["id"]) for each in index["prompts"]] == [
        ("a frog", "7"),
        ("a cat", "8"),
        ("a frog", "9"),
    ]
    folders = [folder_of(each) for each in index["prompts"]]
    assert folders[0] == folders[2] != folders[1]
    [sheet] = map(Path, index["sheets"])
    assert {folder.parent for folder in folders} == {sheet.parent}
    assert json.loads((sheet.parent / "prompts.json").read_text())["prompts"] == index["prompts"]


def test_a_picture_among_others_is_the_one_drawn_alone(draw: Draw) -> None:
    among = draw("a cat", "a frog")["prompts"][1]
    alone = draw("a frog")
    assert [Path(p["path"]).read_bytes() for p in among["best"]] == [
        Path(p["path"]).read_bytes() for p in alone["best"]
    ]


def test_another_picture_or_another_part_of_it_is_another_folder(draw: Draw, models: ArtifactModels) -> None:
    other = ImagePrompt(PICTURE.image + 1)
    part = ImagePrompt(PICTURE.image, keep_rows=0.25)
    painting = PaintingModels(**vars(models))
    folders = {folder_of(draw("a frog", image=image, models=painting)) for image in (None, PICTURE, other, part)}
    assert len(folders) == 4


def test_another_temperature_is_another_folder(draw: Draw) -> None:
    assert folder_of(draw("a frog")) != folder_of(draw("a frog", sampling=Sampling(temperature=0)))


def test_a_generator_without_codes_writes_none(draw: Draw, models: ArtifactModels) -> None:
    record = draw("a frog", models=PaintingModels(**vars(models)))
    assert record["codes"] is None
    assert not (folder_of(record) / "codes.npy").exists()


def test_progress_has_pictures_and_their_rate() -> None:
    said: list[str] = []
    pace = DrawingPace(32, said.append)
    pace(0.0)
    pace(0.5)
    assert said[-1].startswith("Drawing: 16 of 32 pictures, ")
    assert said[-1].endswith(" left")
    assert " a second, " in said[-1]


@pytest.mark.parametrize("other", [("a cat", 0), ("a frog", 1)])
def test_a_folder_with_pictures_of_another_call_is_not_touched(
    draw: Draw, tmp_path: Path, other: tuple[str, int]
) -> None:
    draw("a frog", out=tmp_path / "mine")
    before = contents(tmp_path / "mine")
    with pytest.raises(ConfigError, match="already holds pictures of 'a frog', seed 0"):
        draw(other[0], seed=other[1], out=tmp_path / "mine")
    assert contents(tmp_path / "mine") == before


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


def test_a_remark_names_the_prompt_where_there_are_several(draw: Draw) -> None:
    [record, _] = draw("a cat", "a frog")["prompts"]
    assert generate.remarks(record, named=True) == ["The prompt “a cat” is not a caption from training."]


def test_letters_that_training_did_not_have_are_told(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generator, "unknown", lambda self, prompt: "赤")
    assert generate.remarks(draw("赤 a"))[0].endswith("hardly seen: 赤")


def test_a_training_caption_is_said_to_be_one(draw: Draw) -> None:
    captions = [pair["caption"] for pair in emoji_pairs(24)]
    assert {record["caption_of"] for record in draw(*captions, n=1)["prompts"]} == {"train", "val"}
