"""FID and IS of the first drawings as functions of blur (section 3.1, figure 9), or the same by another network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.picture_sets.distance import LEAST, Features, Gaussian, distance, excess, frechet_distance, score
from tasks.evaluate.picture_sets.features import SHARP, PictureSet, PictureSets
from tasks.evaluate.quantities import Curve, Estimate, Line, Part, Question
from tasks.evaluate.statistics import plain

FEWEST = 8  # pictures of the smallest sets in the curve over numbers of pictures
SUBSETS = 16  # drawn at random for each of its points
DRAWN, TRUE = "first drawn", "true pictures of the same captions"


class SetDistance(Part):
    """Squared Fréchet distance of the features, taken as Gaussian, to those of held-out pictures of other captions."""

    drawn: Estimate = Field(title=DRAWN)
    true: Estimate = Field(title=TRUE)
    excess: Estimate = Field(title="more than the true pictures", description="The difference of the two.")
    training: Estimate | None = Field(
        title="first drawn, to training pictures", description="To as many training pictures as held-out ones above."
    )
    by_blur: Curve = Field(
        title="Distance by blur",
        description="All pictures are blurred alike, as the paper does it; with 95% interval. A gap that closes is one "
        "of detail. Radii in pixels of a picture of 256.",
    )
    by_pictures: Curve | None = Field(
        title="Distance by number of pictures",
        description="Between sets of so many pictures each, means over random ones. It falls for real pictures too, so "
        "no two distances of different numbers can be compared.",
    )


class ClassScore(Part):
    """Exponential of how much the classes seen in each picture differ from those of all pictures. A set that shows one
    thing scores 1, and so does one in which nothing is recognised. Few pictures score less.
    """

    drawn: Estimate = Field(title=DRAWN)
    true: Estimate = Field(title=TRUE)
    by_blur: Curve = Field(title="Score by blur", description="All pictures are blurred alike; with 95% interval.")


class PictureSetFigures(Part):
    """The first drawings of held-out captions as a set beside real pictures as a set, in the eyes of a published
    network; lower distances and higher scores are better. Of so few pictures no distance is near 0: what the true
    pictures of the same captions have is as low as it gets. Only Inception's figures are called FID and IS.
    """

    question = Question.DRAWS

    network: str = Field(title="the network")
    prompts: int = Field(title="prompts", description="Whose drawing and true picture are compared.")
    held_out: int = Field(title="held-out pictures of other captions")
    side_px: int = Field(title="side of all pictures, pixels")
    fid: SetDistance | None = Field(None, title="FID")
    inception_score: ClassScore | None = Field(None, title="Inception score")
    efficientnet_distance: SetDistance | None = Field(None, title="Fréchet distance (EfficientNet-Lite0)")
    efficientnet_class_score: ClassScore | None = Field(None, title="Class score (EfficientNet-Lite0)")


@dataclass(frozen=True)
class Compared:
    """What is compared at one radius of blur: drawings, the true pictures of their captions, and other real ones."""

    drawn: PictureSet
    true: PictureSet
    others: PictureSet


def measure(evidence: Evidence) -> PictureSetFigures | None:
    """None where too few captions were drawn whose true picture is among the held-out ones, or too few others are."""
    sets = evidence.picture_sets
    if sets is None:
        return None
    by_radius = {radius: compared_sets(*blurred) for radius, blurred in sets.blurred.items()}
    sharp = by_radius[SHARP]
    if min(len(sharp.drawn), len(sharp.others)) < LEAST:
        return None
    radii = [float(radius) for radius in evidence.config.blur_radii_px]
    distances, scores = _distances(sets, by_radius, radii), _scores(by_radius, radii)
    named = (
        {"fid": distances, "inception_score": scores}
        if sets.is_inception
        else {"efficientnet_distance": distances, "efficientnet_class_score": scores}
    )
    told = {
        "network": sets.network,
        "prompts": len(sharp.drawn),
        "held_out": len(sharp.others),
        "side_px": sets.side_px,
    }
    return PictureSetFigures.model_validate(told | named)


def compared_sets(first: PictureSet, held_out: PictureSet) -> Compared:
    """Drawings without a true picture of their own are left out."""
    places = {pair_id: place for place, pair_id in enumerate(held_out.pair_ids)}
    known = [(place, places[pair_id]) for place, pair_id in enumerate(first.pair_ids) if pair_id in places]
    true = {place for _, place in known}
    return Compared(
        drawn=first.take([drawn for drawn, _ in known]),
        true=held_out.take([place for _, place in known]),
        others=held_out.take([place for place in range(len(held_out)) if place not in true]),
    )


def _distances(sets: PictureSets, by_radius: Mapping[float, Compared], radii: Sequence[float]) -> SetDistance:
    sharp = by_radius[SHARP]
    others = sharp.others.features
    train = sets.train.features[: len(others)]
    drawn = {radius: distance(each.drawn.features, each.others.features) for radius, each in by_radius.items()}
    true = {radius: distance(each.true.features, each.others.features) for radius, each in by_radius.items()}
    return SetDistance(
        drawn=drawn[SHARP],
        true=true[SHARP],
        excess=excess(sharp.drawn.features, sharp.true.features, others),
        training=distance(sharp.drawn.features, train) if len(train) == len(others) else None,
        by_blur=_by_blur(radii, drawn, true),
        by_pictures=_by_pictures(sharp),
    )


def _scores(by_radius: Mapping[float, Compared], radii: Sequence[float]) -> ClassScore:
    drawn = {radius: score(each.drawn.probabilities) for radius, each in by_radius.items()}
    true = {radius: score(each.true.probabilities) for radius, each in by_radius.items()}
    return ClassScore(drawn=drawn[SHARP], true=true[SHARP], by_blur=_by_blur(radii, drawn, true))


def _by_blur(radii: Sequence[float], drawn: Mapping[float, Estimate], true: Mapping[float, Estimate]) -> Curve:
    points = {DRAWN: drawn, TRUE: true}
    return Curve(
        x_name="radius of the blur, pixels of 256",
        lines=tuple(Line.of(name, radii, [each[radius] for radius in radii]) for name, each in points.items()),
        from_zero=True,
    )


def _by_pictures(sharp: Compared) -> Curve | None:
    """Drawings against real pictures, and real ones against other real ones; None where there are too few."""
    drawn, others = sharp.drawn.features, sharp.others.features
    real = np.concatenate([sharp.true.features, others])
    random = np.random.default_rng(0)

    def halves(k: int) -> tuple[Features, Features]:
        chosen = random.permutation(len(real))
        return real[chosen[:k]], real[chosen[k : 2 * k]]

    def drawn_and_real(k: int) -> tuple[Features, Features]:
        return drawn[random.permutation(len(drawn))[:k]], others[random.permutation(len(others))[:k]]

    lines = (
        _by_number("first drawn to real pictures", min(len(drawn), len(others)), drawn_and_real),
        _by_number("real pictures to other real ones", len(real) // 2, halves),
    )
    return Curve(x_name="pictures in each set", lines=lines, log_x=True, from_zero=True) if lines[0].x else None


def _by_number(name: str, most: int, pick: Callable[[int], tuple[Features, Features]]) -> Line:
    numbers = [FEWEST * 2**power for power in range(most.bit_length()) if FEWEST * 2**power <= most]
    means = [np.mean([frechet_distance(*map(Gaussian.of, pick(k))) for _ in range(SUBSETS)]) for k in numbers]
    return Line(name=name, x=tuple(numbers), y=tuple(plain(float(mean)) for mean in means))
