"""The finished model in the repository draws what its training never showed, as a judge of its own reads it."""

from functools import cache

import numpy as np
import pytest

from flows.changes import changed, read_file
from flows.cli.drawing.models import FINISHED_MODEL
from flows.config import PipelineConfig
from flows.recipes import recipe_config, recipe_name
from models.files import RUN_CONFIG
from models.generator import load
from models.judge.config import JudgeTrainingConfig
from models.training.images import centre_crop, decode
from tasks.compositions.corpus import Composition, Corpus
from tasks.evaluate.compositions.reader import SIDE_PX, CompositionJudge, fit_judge

CAPTIONS = 24
FITTED_TO = 2000  # pictures
MOST_BYTES = 16_000_000


@cache
def config() -> PipelineConfig:
    """The config of the run that made the model."""
    recipe, changes = read_file(FINISHED_MODEL / RUN_CONFIG)
    return changed(recipe_config(recipe_name(recipe or "gallery")), changes)


@cache
def corpus() -> Corpus:
    assert config().source.composed is not None
    return Corpus(config().source.composed, config().source.archive_path)


def pixels(composition: Composition) -> np.ndarray:
    return centre_crop(decode(corpus().picture(composition)), SIDE_PX)


@pytest.fixture(scope="module")
def judge() -> CompositionJudge:
    """Fitted to renderings of the training's combinations; it has seen nothing that a model drew."""
    shown = [each for each in corpus().compositions if each.split == "train"][:FITTED_TO]
    pictures = np.stack([pixels(each) for each in shown])
    return fit_judge(pictures, [each.scene for each in shown], corpus().things, JudgeTrainingConfig())


@pytest.fixture(scope="module")
def unseen() -> list[Composition]:
    """Held-out pictures of things that are known, one of each combination, none picked."""
    held = [each for each in corpus().compositions if each.split != "train"]
    return [each for each in held if not {*each.scene.things} & {*corpus().unseen}][:CAPTIONS]


def test_it_is_small_enough_to_come_with_the_code() -> None:
    assert sum(file.stat().st_size for file in FINISHED_MODEL.rglob("*") if file.is_file()) <= MOST_BYTES


@pytest.mark.end_to_end
def test_what_it_first_draws_for_combinations_never_seen_is_right_as_the_judge_reads_it(
    judge: CompositionJudge, unseen: list[Composition]
) -> None:
    assert np.mean([each.scene.agrees(judge.read([pixels(each)])[0]) for each in unseen]) >= 0.95
    drawn = load(FINISHED_MODEL).draw([each.captions[0] for each in unseen], n=1, seed=0).images[:, 0]
    right = [each.scene.agrees(shown) for each, shown in zip(unseen, judge.read(drawn), strict=True)]
    assert np.mean(right) >= 0.75  # 85 % and more of many; of 24, fewer may be right by chance
    others = [each.scene.agrees(shown) for each, shown in zip(unseen, judge.read(drawn[::-1]), strict=True)]
    assert np.mean(others) <= 0.25
