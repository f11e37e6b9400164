"""A prior's folder is all that drawing needs, through the interface that every generator has."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import CODES, GRID, IMAGE_SIZE, write_generator

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.generator import ImagePrompt, Sampling, load
from models.prior.generator import PriorGenerator
from models.tokenizer import decode_codes, encode_images
from models.training.checkpoint import save_model
from models.training.errors import CheckpointError
from models.training.images import resize


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("generator")
    write_generator(made)
    return made


def test_a_folder_is_all_that_drawing_needs(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    generator = load(moved)
    assert isinstance(generator, PriorGenerator)
    drawing = generator.draw(["a red apple", "a frog"], 3, seed=5)
    assert drawing.images.shape == (2, 3, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert drawing.codes is not None
    assert drawing.codes.shape == (2, 3, GRID**2)
    assert drawing.codes.max() < CODES
    assert np.array_equal(drawing.images[1], decode_codes(generator.tokenizer, drawing.codes[1]))


def test_a_candidate_depends_on_seed_prompt_and_index_alone(folder: Path) -> None:
    generator = load(folder)
    whole = generator.draw(["a red apple", "a frog"], 4, seed=5)
    alone = generator.draw(["a frog"], 2, seed=5)
    assert np.array_equal(whole.codes[1, :2], alone.codes[0])
    assert not np.array_equal(alone.codes, generator.draw(["a frog"], 2, seed=6).codes)


def test_at_temperature_zero_all_candidates_are_the_likeliest(folder: Path) -> None:
    cold = load(folder).draw(["a frog"], 3, sampling=Sampling(temperature=0)).codes[0]
    assert np.array_equal(cold[0], cold[1])
    assert np.array_equal(cold[0], cold[2])


@pytest.mark.parametrize("computes", [True, False])
def test_bf16_is_drawn_in_where_the_processor_computes_it(
    folder: Path, computes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.prior.generator.computes_bf16", lambda: computes)
    generator = load(folder)
    assert isinstance(generator, PriorGenerator)
    generator.draw(["a frog"], 1, sampling=Sampling(precision="bf16"))
    assert [*generator._ready] == [torch.bfloat16 if computes else torch.float32]


def test_an_image_prompt_keeps_its_upper_part_and_draws_the_rest(folder: Path) -> None:
    generator = load(folder)
    image = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    own = encode_images(generator.tokenizer, resize(image, IMAGE_SIZE)[None])[0].reshape(GRID, GRID)
    drawn = generator.draw(["a frog"], 4, image=ImagePrompt(image, keep_rows=0.5)).codes[0].reshape(4, GRID, GRID)
    half = round(GRID / 2)
    assert (drawn[:, :half] == own[:half]).all()
    assert not (drawn[:, half:] == own[half:]).all()


def test_an_image_prompt_may_keep_columns_beside_the_drawn_rectangle(folder: Path) -> None:
    generator = load(folder)
    image = np.random.default_rng(1).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    own = encode_images(generator.tokenizer, image[None])[0].reshape(GRID, GRID)
    prompt = ImagePrompt(image, keep_rows=1 / GRID, keep_columns=2 / GRID)
    drawn = generator.draw(["a frog"], 2, image=prompt).codes[0].reshape(2, GRID, GRID)
    assert (drawn[:, 0] == own[0]).all()
    assert (drawn[:, 1:, :2] == own[1:, :2]).all()
    assert not (drawn[:, 1:, 2:] == own[1:, 2:]).all()


@pytest.mark.parametrize("keep", [{"keep_rows": 1.0}, {"keep_columns": 0.99}, {"keep_rows": -0.5}])
def test_an_image_prompt_that_leaves_nothing_to_draw_is_refused(folder: Path, keep: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nothing is left to draw"):
        load(folder).draw(["a frog"], 1, image=ImagePrompt(np.zeros((8, 8, 3), np.uint8), **keep))
    with pytest.raises(ValueError, match="not square"):
        load(folder).draw(["a frog"], 1, image=ImagePrompt(np.zeros((8, 9, 3), np.uint8)))


def test_an_image_tokenizer_of_another_grid_is_refused(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    other = DVAEModelConfig(image_size=32, vocab_size=CODES, hidden=8, groups=2, blocks_per_group=1, stem="unshuffle")
    save_model(moved / "image_tokenizer", DVAE(other).state_dict(), other)
    with pytest.raises(CheckpointError, match="does not fit a prior"):
        load(moved)


def test_a_folder_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "diffusion"}')
    with pytest.raises(CheckpointError, match="known are prior"):
        load(tmp_path)
