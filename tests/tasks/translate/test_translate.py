"""Image-to-image translation: which pictures are given, what is asked for below them, and what is kept of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import GRID, IMAGE_SIZE, tiny_generator, tiny_ranker

from flows.config import PipelineConfig
from flows.pipeline import Models, evaluation
from flows.recipes import demo, gallery
from flows.run import PlannedRun
from models.generator import ImagePrompt
from models.training.images import decode
from tasks.checkpoints import generator_of
from tasks.engine.artifact import Artifact
from tasks.errors import SourceError
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.translate.config import CASES, Case, Config
from tasks.translate.given import given_pictures
from tasks.translate.stage import translate

CONFIG = Config(
    pictures=2,
    cases=(Case(caption="{caption}", keep_rows=0.5), Case(caption="the same {thing} with sunglasses, and a hat")),
    candidates=3,
)


@pytest.fixture
def pairs(settings: Settings) -> Artifact:
    images = artifact("images", settings, emoji_pairs(24))
    return pack(PackConfig(val_fraction=0.3), settings, images=images).artifact


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A picture of the user's: its upper half is red, its lower half blue."""
    file = tmp_path / "my-red_picture.png"
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :, 2], pixels[20:, :, 0] = 255, 255
    cv2.imwrite(str(file), pixels)
    return file


def translated(config: Config, settings: Settings, pairs: Artifact) -> Artifact:
    return translate(
        config, settings, pairs=pairs, generator=tiny_generator(settings), ranker=tiny_ranker(settings)
    ).artifact


def test_a_caption_is_made_from_that_of_the_picture() -> None:
    assert Case(caption="{caption}").text("A cat on a mat") == "A cat on a mat"
    assert Case(caption="the same {thing} as a sketch").text("A cat on a mat") == "the same cat on a mat as a sketch"
    assert Case(caption="the same {thing}").text("another cat") == "the same another cat"
    assert [case.keep_rows for case in CASES] == [15 / 32] * len(CASES)
    with pytest.raises(ValidationError, match="is empty"):
        Case(caption=" ")


def test_each_picture_and_case_has_ranked_candidates_that_keep_the_codes_above(
    settings: Settings, pairs: Artifact
) -> None:
    made = translated(CONFIG, settings, pairs)
    given, drawn = rows(made, "given"), rows(made, "translations")
    held_out = {row["pair_id"]: row for row in rows(pairs, "val")}
    assert made.manifest().counts.rows_out == len(given) + len(drawn) == 2 + 2 * 2 * 3
    assert {(row["group"], row["seed"]) for row in drawn} == {("image", 0)}
    model = generator_of(tiny_generator(settings), settings)
    for number, picture in enumerate(given):
        pair = held_out[picture["pair_id"]]
        assert (picture["picture"], picture["caption"]) == (number, pair["caption"])
        assert decode(picture["image"]).shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
        for case in range(2):
            own = [row for row in drawn if row["prompt_id"] == number * 2 + case]
            assert sorted(row["rank"] for row in own) == [0, 1, 2]
            codes = np.array([np.frombuffer(row["codes"], "<u2").reshape(GRID, GRID) for row in own])
            assert (codes[:, : GRID // 2] == codes[0, : GRID // 2]).all()
        again = model.draw([pair["caption"]], 3, 0, CONFIG, ImagePrompt(decode(pair["image"]), 0.5))
        own = [row for row in drawn if row["prompt_id"] == number * 2]
        assert [np.frombuffer(row["codes"], "<u2").tolist() for row in own] == again.codes[0].tolist()


def test_what_the_model_does_not_read_of_a_caption_is_told(settings: Settings, pairs: Artifact) -> None:
    drawn = rows(translated(CONFIG, settings, pairs), "translations")
    ends = {row["unread"] for row in drawn if row["prompt_id"] % 2 == 1}
    assert all(end.endswith("sunglasses, and a hat") for end in ends)


def test_a_picture_of_the_user_counts_by_its_name_and_content(
    settings: Settings, pairs: Artifact, own: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"pictures": 0, "files": (str(own),)})
    made = translated(config, settings, pairs)
    [picture] = rows(made, "given")
    assert (picture["caption"], picture["pair_id"]) == ("my red picture", None)
    assert decode(picture["image"])[0, 0].tolist() == [255, 0, 0]

    def address(file: Path) -> str:
        inputs = {"pairs": pairs, "generator": tiny_generator(settings), "ranker": tiny_ranker(settings)}
        return translate.artifact(config.model_copy(update={"files": (str(file),)}), settings, **inputs).address

    moved = tmp_path / "elsewhere" / own.name
    moved.parent.mkdir()
    moved.write_bytes(own.read_bytes())
    assert address(moved) == made.address
    moved.write_bytes(own.read_bytes() + b"\0")
    assert address(moved) != made.address
    assert address(own.rename(own.with_name("your picture.png"))) != made.address


def test_a_file_that_is_not_there_or_no_picture_is_one_sentence(
    settings: Settings, pairs: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"There is no picture .*nothing\.png: check translate\.files"):
        Config(files=(str(tmp_path / "nothing.png"),)).require()
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SourceError, match="The picture 'text' is no picture"):
        translated(Config(files=(str(tmp_path / "text.png"),)), settings, pairs)


def test_the_choice_does_not_depend_on_shards_and_takes_each_picture_once(settings: Settings) -> None:
    pictures = emoji_pairs(8)
    images = [row | {"split": "validation", "caption": f"{row['caption']} {n}"} for row in pictures for n in range(2)]
    images = [row | {"pair_id": f"{number:016x}"} for number, row in enumerate(images)]
    training = [row | {"split": "train"} for row in emoji_pairs(12)[8:]]
    source = artifact("images", settings, training + images)
    one, many = (pack(PackConfig(pairs_per_shard=size), settings, images=source).artifact for size in (1000, 3))
    config = CONFIG.model_copy(update={"pictures": 5})
    first = list(given_pictures(config, one))
    assert len({picture.image for picture in first}) == 5
    assert list(given_pictures(config, many)) == first
    assert len(list(given_pictures(config.model_copy(update={"pictures": 50}), many))) == 8


def test_the_stage_is_left_out_without_pictures(settings: Settings, pairs: Artifact) -> None:
    def stages(config: PipelineConfig) -> list[str]:
        run = PlannedRun(settings)
        made = Models(tokenizer=pairs, tokens=None, generator=tiny_generator(settings), ranker=tiny_ranker(settings))
        evaluation(run, config, pairs, made)
        return [each.stage for each in run.artifacts]

    assert stages(demo()) == ["sample", "rerank", "evaluate", "report"]
    assert stages(gallery()) == ["sample", "rerank", "evaluate", "translate", "report"]
