"""Sets of pictures compared in the eyes of the packaged network: made-up damage moves the figures the right way."""

from functools import cache

import numpy as np
import pytest
from support.evidence import evidence
from support.finished_run import emoji_pairs

from models.features.efficientnet import EfficientNetLite0
from models.training.images import centre_crop, decode
from tasks.evaluate.config import Config
from tasks.evaluate.picture_sets import metric
from tasks.evaluate.picture_sets.blur import blurred
from tasks.evaluate.picture_sets.choice import Chosen
from tasks.evaluate.picture_sets.features import PictureSet, PictureSets
from tasks.evaluate.picture_sets.metric import PictureSetFigures

SIDE = 64
PROMPTS, OTHERS = 24, 40
RADII = (0.0, 8.0)
Pictures = list[np.ndarray]


@cache
def network() -> EfficientNetLite0:
    return EfficientNetLite0()


@cache
def pictures() -> Pictures:
    pairs = emoji_pairs(2 * PROMPTS + OTHERS)
    images = [centre_crop(decode(pair["image"]), SIDE) for pair in pairs]
    return [images[i] for i in np.random.default_rng(0).permutation(len(images))]


def true() -> Pictures:
    return pictures()[:PROMPTS]


def others() -> Pictures:
    return pictures()[PROMPTS : PROMPTS + OTHERS]


def unseen() -> Pictures:
    """Real pictures of nothing that the prompts ask for."""
    return pictures()[PROMPTS + OTHERS :]


def seen(images: Pictures, radius: float, group: str = "") -> PictureSet:
    found = network().see(np.stack([blurred(image, radius) for image in images]))
    chosen = tuple(Chosen("shard", i, f"{i:016x}", group, i) for i in range(len(images)))
    return PictureSet(chosen, found.features, found.probabilities)


@cache
def held_out(radius: float) -> PictureSet:
    return seen(true() + others(), radius)


def figures(drawn: Pictures, is_inception: bool = False) -> PictureSetFigures:
    blurs = {radius: (seen(drawn, radius, "val"), held_out(radius)) for radius in RADII}
    sets = PictureSets("a network", is_inception, SIDE, blurs[0.0][0], held_out(0.0), held_out(0.0), blurs)
    found = metric.measure(evidence([], picture_sets=sets, config=Config(blur_radii_px=RADII)))
    assert found is not None
    return found


def test_the_true_pictures_as_drawings_are_no_farther_than_themselves():
    found = figures(true())
    distances = found.efficientnet_distance
    assert distances.drawn.value == pytest.approx(distances.true.value)
    assert distances.excess.value == pytest.approx(0, abs=1e-6)
    assert (found.prompts, found.held_out) == (PROMPTS, OTHERS)


def test_drawings_of_other_things_from_the_same_world_are_about_as_far_as_true_pictures():
    """A set is compared with a set: whether each drawing is what its caption asks for, it does not tell."""
    distances = figures(unseen()).efficientnet_distance
    assert distances.excess.low < 0 < distances.excess.high
    swapped = figures(true()[::-1]).efficientnet_distance
    assert swapped.drawn.value == pytest.approx(distances.true.value)


def test_blurred_drawings_are_farther_until_all_are_blurred_alike():
    distances = figures([blurred(image, 8) for image in unseen()]).efficientnet_distance
    assert distances.excess.low > 0
    drawn, real = distances.by_blur.lines
    assert drawn.x == RADII
    assert drawn.y[1] - real.y[1] < (drawn.y[0] - real.y[0]) / 2


def test_drawings_that_all_show_one_thing_are_farther_and_score_less():
    one = unseen()[0]
    shades = [(one * (1 - 0.005 * i)).astype(np.uint8) for i in range(PROMPTS)]
    found = figures(shades)
    assert found.efficientnet_distance.excess.low > 0
    score = found.efficientnet_class_score
    assert score.drawn.value < 1.5 < score.true.low


def test_more_pictures_are_nearer_whether_they_are_drawn_or_real():
    curve = figures(unseen()).efficientnet_distance.by_pictures
    drawn, real = curve.lines
    assert (real.x, drawn.x) == ((8, 16, 32), (8, 16))
    assert list(real.y) == sorted(real.y, reverse=True)
    assert list(drawn.y) == sorted(drawn.y, reverse=True)


def test_only_figures_of_an_inception_network_are_called_fid_and_inception_score():
    packaged, named = figures(true()), figures(true(), is_inception=True)
    assert packaged.fid is packaged.inception_score is None
    assert named.efficientnet_distance is named.efficientnet_class_score is None
    assert named.fid == packaged.efficientnet_distance


def test_nothing_is_told_where_no_held_out_picture_is_left_to_compare_with():
    few = held_out(0.0).take(range(PROMPTS))
    sets = PictureSets("a network", False, SIDE, few, few, few, {0.0: (seen(true(), 0, "val"), few)})
    assert metric.measure(evidence([], picture_sets=sets)) is None
    assert metric.measure(evidence([])) is None
