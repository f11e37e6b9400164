"""Overlap and discrepancy in a run's figures move the right way with made-up damage, and are called what they are."""

import numpy as np
from support.evidence import evidence

from tasks.evaluate.picture_sets import overlap
from tasks.evaluate.picture_sets.choice import Chosen
from tasks.evaluate.picture_sets.clip import ClipSets
from tasks.evaluate.picture_sets.features import SHARP, PictureSet, PictureSets
from tasks.evaluate.picture_sets.overlap import OverlapFigures

PROMPTS, OTHERS = 60, 120


def features(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def seen(rows: np.ndarray) -> PictureSet:
    chosen = tuple(Chosen("shard", i, f"{i:016x}", "val", i) for i in range(len(rows)))
    return PictureSet(chosen, rows, np.empty((len(rows), 0), np.float32))


def figures(drawn: np.ndarray, real: np.ndarray, with_clip: bool = False) -> OverlapFigures | None:
    own, held_out = seen(drawn), seen(real)
    sets = PictureSets("a network", False, 64, own, held_out, held_out, {SHARP: (own, held_out)})
    clip = ClipSets("a clip", own, held_out) if with_clip else None
    return overlap.measure(evidence([], picture_sets=sets, clip_sets=clip))


REAL, DRAWN = features(0, PROMPTS + OTHERS), features(1, PROMPTS)


def test_the_true_pictures_as_drawings_overlap_as_they_do_themselves() -> None:
    found = figures(REAL[:PROMPTS], REAL)
    assert found.drawn == found.true
    assert found.mmd.drawn == found.mmd.true


def test_a_collapse_to_one_mode_is_not_recalled_though_it_is_precise() -> None:
    found, collapsed = figures(DRAWN, REAL), figures(REAL[-1] + 0.05 * DRAWN, REAL)
    assert collapsed.drawn.precision.value == 1
    assert collapsed.drawn.recall.high < found.drawn.recall.low
    assert collapsed.drawn.coverage.high < found.drawn.coverage.low
    assert collapsed.mmd.drawn.low > found.mmd.drawn.high


def test_drawings_like_no_real_picture_are_not_precise() -> None:
    found = figures(DRAWN + 3, REAL)
    assert max(found.drawn.precision.high, found.drawn.density.high) < found.true.precision.low
    assert found.mmd.drawn.low > found.mmd.true.high


def test_only_the_discrepancy_in_a_second_clip_is_called_cmmd() -> None:
    without, found = figures(DRAWN, REAL), figures(DRAWN, REAL, with_clip=True)
    assert without.cmmd is without.clip is None
    assert (found.clip, found.cmmd) == ("a clip", found.mmd)


def test_too_few_pictures_are_not_compared() -> None:
    assert figures(DRAWN[:7], REAL) is None
    assert figures(DRAWN[:8], REAL[:15]) is None
    assert figures(DRAWN[:8], REAL[:16]) is not None
    assert overlap.measure(evidence([])) is None
