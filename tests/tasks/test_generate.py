"""Candidates for prompts: as they are drawn, then ranked, and the same as the sample stage draws."""

from collections.abc import Iterator

import numpy as np
import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_generator, tiny_ranker

from models.generator import Candidates, Generator, ImagePrompt
from models.training.images import encode_png
from tasks import pack
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError, OutOfMemoryError
from tasks.generate import ArtifactModels, ModelSource, Ranking, Request, draw, splits_of_captions
from tasks.sample.config import Config as SampleConfig
from tasks.sample.stage import sample
from tasks.settings import Settings

CONFIG = SampleConfig(prompts=("a red apple",), train_prompts=0, val_prompts=0, candidates=6)
PICTURE = ImagePrompt(np.zeros((8, 8, 3), np.uint8))


@pytest.fixture
def pairs(settings: Settings) -> Artifact:
    return pack.pack(pack.Config(), settings, images=artifact("images", settings, emoji_pairs(24))).artifact


@pytest.fixture
def models(settings: Settings, pairs: Artifact) -> ArtifactModels:
    return ArtifactModels(pairs, tiny_generator(settings), tiny_ranker(settings), settings)


class Failing(ModelSource, Generator):
    """Models whose generator raises an error."""

    identity = "failing"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def generator(self) -> Generator:
        return self

    def ranker(self):
        raise AssertionError

    def draw_batches(self, *_: object) -> Iterator[Candidates]:
        raise self.error
        yield


def drawn(models: ModelSource, *prompts: str, n: int = 6, seed: int = 0) -> tuple[list[Candidates], list[Ranking]]:
    events = list(draw(models, Request(prompts, n, seed)))
    return [e for e in events if isinstance(e, Candidates)], [e for e in events if isinstance(e, Ranking)]


def test_a_prompt_is_ranked_as_soon_as_its_candidates_are_drawn_the_first_four_of_all_alone(
    models: ArtifactModels,
) -> None:
    events = list(draw(models, Request(("a red apple", "a frog"), 6)))
    assert [type(event) for event in events] == [Candidates, Candidates, Ranking, Candidates, Ranking]
    assert [event.prompt for event in events] == [0, 0, 0, 1, 1]
    assert [len(event.images) for event in events if isinstance(event, Candidates)] == [4, 2, 6]


def test_the_best_score_has_rank_zero(models: ArtifactModels) -> None:
    _, [ranking] = drawn(models, "a red apple")
    assert sorted(ranking.ranks) == list(range(6))
    by_rank = ranking.scores[np.argsort(ranking.ranks)]
    assert list(by_rank) == sorted(ranking.scores, reverse=True)


def test_a_picture_is_the_one_the_sample_stage_draws(settings: Settings, models: ArtifactModels) -> None:
    samples = sample(CONFIG, settings, pairs=models.pairs, generator=models.generator_artifact).artifact
    stored = {row["index"]: row["image"] for row in rows(samples, "samples")}
    batches, _ = drawn(models, "a red apple")
    images = np.concatenate([batch.images for batch in batches])
    assert {i: encode_png(image) for i, image in enumerate(images)} == stored


def test_another_seed_gives_other_pictures(models: ArtifactModels) -> None:
    first, second = (drawn(models, "a frog", seed=seed)[0][0].images for seed in (0, 1))
    assert not {image.tobytes() for image in first} & {image.tobytes() for image in second}


@pytest.mark.parametrize("prompt", ["", "  \n", "a \udcff cat"])
def test_a_prompt_that_is_empty_or_no_text_is_refused(models: ArtifactModels, prompt: str) -> None:
    with pytest.raises(ConfigError, match="The prompt is"):
        drawn(models, "a frog", prompt)


def test_each_long_piece_of_work_is_told_before_it_begins(models: ArtifactModels) -> None:
    told: list[str] = []
    list(draw(models, Request(("a frog",), 6), tell=told.append))
    assert told == ["Loading the models", "Drawing 6 candidates", "Loading the ranker"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried")])
def test_candidates_beyond_memory_are_told_with_the_remedy(error: Exception) -> None:
    with pytest.raises(OutOfMemoryError, match="draw fewer with a smaller --n"):
        drawn(Failing(error), "a frog")


def test_what_the_generator_says_of_a_picture_is_told() -> None:
    with pytest.raises(ConfigError, match="nothing would be drawn anew"):
        list(draw(Failing(ValueError("nothing would be drawn anew")), Request(("a frog",), 6, image=PICTURE)))


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug")])
def test_a_bug_stays_a_bug(error: Exception) -> None:
    with pytest.raises(type(error), match="a bug"):
        drawn(Failing(error), "a frog")


def test_a_caption_of_a_packed_pair_is_recognised_with_its_split(pairs: Artifact) -> None:
    captions = {split: rows(pairs, split)[0]["caption"] for split in ("train", "val")}
    asked = [f" {captions['train'].upper()} ", captions["val"], "a picture nobody has a caption for"]
    assert list(splits_of_captions(asked, pairs).values()) == ["train", "val", None]
