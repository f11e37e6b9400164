"""Images are stored large enough for the crops that are cut from them: checked before anything is fetched."""

from pathlib import Path

import pytest

from flows import recipes
from flows.changes import assigned
from flows.config import PipelineConfig
from models.dvae.config import DVAEModelConfig
from tasks.errors import ConfigError

PAPER = PipelineConfig()
# Of the others 256, as in the paper.
SIDES = {"demo": 96, "gallery": 96, "emoji": 64, "ablation": 96, "smoke": 64, "folder": 128}


def test_by_default_images_are_stored_for_the_papers_crops() -> None:
    assert (PAPER.largest_crop_px, PAPER.least_stored_px) == (256, 384)
    assert PAPER.fetch.image_size == 384
    assert PAPER.screen_images.min_side_px == 256


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_recipes_store_more_than_they_need(name: recipes.RecipeName) -> None:
    config = recipes.recipe_config(name)
    assert config.fetch.image_size >= config.least_stored_px == config.largest_crop_px * 3 // 2
    assert config.screen_images.min_side_px == config.largest_crop_px == SIDES.get(name, 256)


def test_too_small_a_store_is_refused_with_the_size_it_needs() -> None:
    with pytest.raises(ConfigError, match=r"fetch\.image_size \(256\) is below 384, 12/8 of the largest square"):
        assigned(PAPER, ["fetch.image_size=256"])


def test_images_below_the_crop_must_be_rejected() -> None:
    with pytest.raises(ConfigError, match=r"screen_images\.min_side_px \(255\) is below 256, the largest square"):
        assigned(PAPER, ["screen_images.min_side_px=255"])


def test_the_size_is_that_of_the_chosen_tokenizer() -> None:
    smaller = ["dvae.model.image_size=128", "fetch.image_size=192", "screen_images.min_side_px=128"]
    assert assigned(PAPER, smaller).least_stored_px == 192
    with pytest.raises(ConfigError, match=r"fetch\.image_size \(192\) is below 384"):
        assigned(PAPER, [*smaller, "tokenizer=vqgan"])


def test_a_clip_that_is_trained_cuts_crops_too() -> None:
    large = ["clip.model.image_size=224"]
    with pytest.raises(ConfigError, match=r"fetch\.image_size \(384\) is below 672"):
        assigned(PAPER, large)
    assert assigned(PAPER, [*large, "clip.pretrained=a-published-clip"]).least_stored_px == 384


def test_the_size_of_a_trained_model_is_read_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(DVAEModelConfig(image_size=512).model_dump_json())
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(ConfigError, match=r"fetch\.image_size \(384\) is below 768"):
        assigned(PAPER, [f"dvae.pretrained={tmp_path}"])


def test_a_trained_model_may_lie_on_another_machine() -> None:
    assert assigned(PAPER, ["dvae.pretrained=/on/the/worker"]).least_stored_px == 384
