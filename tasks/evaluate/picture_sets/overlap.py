"""Drawings among the neighbourhoods of real pictures and the other way round, and the discrepancy of both sets."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.picture_sets.features import SHARP, PictureSet
from tasks.evaluate.picture_sets.jackknife import Grouped, estimate, share
from tasks.evaluate.picture_sets.metric import DRAWN, TRUE, compared_sets
from tasks.evaluate.picture_sets.mmd import squared_mmd
from tasks.evaluate.picture_sets.neighbourhoods import neighbourhoods
from tasks.evaluate.quantities import Estimate, Part, Question

NEAREST = 3  # k of Kynkäänniemi et al. 2019, section 2
FEWEST = 8  # pictures of a set: without a group of them there are still more than k
MOST = 10_000  # pictures of a set: as Naeem et al. 2020


class Overlap(Part):
    """Of one set of pictures with the real ones."""

    precision: Estimate = Field(title="precision")
    recall: Estimate = Field(title="recall")
    coverage: Estimate = Field(title="coverage")
    density: Estimate = Field(
        title="density",
        description="Real neighbourhoods around a picture over k; precision that no single odd real picture can raise.",
    )


class Discrepancy(Part):
    """1000 times the squared maximum mean discrepancy to held-out pictures of other captions; lower is better. Of few
    pictures it is never 0: what the true pictures have is as low as it gets.
    """

    drawn: Estimate = Field(title=DRAWN, description="1000 times the squared discrepancy; lower is better.")
    true: Estimate = Field(title=TRUE, description="As low as it gets with so few pictures.")


class OverlapFigures(Part):
    """Are drawings like real pictures, and as varied? The first drawings of held-out captions beside held-out pictures
    of other captions; the neighbourhood of a picture reaches to its third nearest in its set.
    """

    question = Question.DRAWS

    network: str = Field(title="the network")
    drawn: Overlap = Field(
        title="First drawn",
        description="Precision: share of drawings that lie where real pictures do. Recall: share of real pictures that "
        "lie where drawings do; it falls where these show little of what there is. Coverage: share of real pictures "
        "near which a drawing lies.",
    )
    true: Overlap = Field(
        title="True pictures of the same captions",
        description="The same of as many real pictures: the best to be had. No figures of other numbers compare.",
    )
    cmmd: Discrepancy | None = Field(None, title="CMMD")
    clip: str | None = Field(None, title="the CLIP of CMMD")
    mmd: Discrepancy = Field(title="MMD (features of the network, not CMMD)")


def measure(evidence: Evidence) -> OverlapFigures | None:
    """None where a set has too few pictures."""
    sets, by_clip = evidence.picture_sets, evidence.clip_sets
    if sets is None:
        return None
    seen = compared_sets(*sets.blurred[SHARP])
    if min(len(seen.drawn), len(seen.others)) < FEWEST:
        return None
    clip = compared_sets(by_clip.drawn, by_clip.held_out) if by_clip else None
    return OverlapFigures(
        network=sets.network,
        drawn=_overlap(seen.drawn, seen.others),
        true=_overlap(seen.true, seen.others),
        cmmd=_discrepancy(clip.drawn, clip.true, clip.others) if clip else None,
        clip=by_clip.model if by_clip else None,
        mmd=_discrepancy(seen.drawn, seen.true, seen.others),
    )


def _overlap(own: PictureSet, real: PictureSet) -> Overlap:
    n, fewest = len(own), min(len(own), len(real))
    found = neighbourhoods(Grouped.of(real.features[:MOST]), Grouped.of(own.features[:MOST]), NEAREST)
    return Overlap(
        precision=share(found.precision, n, fewest),
        recall=share(found.recall, n, fewest),
        coverage=share(found.coverage, n, fewest),
        density=estimate(found.density, n),
    )


def _discrepancy(drawn: PictureSet, true: PictureSet, others: PictureSet) -> Discrepancy:
    real = _unit(others)
    values = [estimate(squared_mmd(_unit(own), real), len(own)) for own in (drawn, true)]
    return Discrepancy(drawn=values[0], true=values[1])


def _unit(pictures: PictureSet) -> Grouped:
    """Of length 1, as the kernel's width is meant for."""
    features: NDArray[np.float64] = pictures.features[:MOST].astype(np.float64)
    return Grouped.of(features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12))
