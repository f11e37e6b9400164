"""Precision and recall of Kynkäänniemi et al. 2019 (NeurIPS, section 2), density and coverage of Naeem et al. 2020
(ICML, section 3): how drawn pictures lie among the neighbourhoods of real ones, and the other way round."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.picture_sets.jackknife import Grouped, Jackknifed, Replicates
from tasks.evaluate.picture_sets.pairwise import squared_distances

ROUNDING = 1e-9  # relative; what lies on the edge of a neighbourhood is outside, however the sums were rounded


@dataclass(frozen=True)
class Neighbourhoods:
    """Of drawn pictures against real ones.

    Attributes:
        precision: share of drawn pictures within the neighbourhood of any real one.
        density: real neighbourhoods that a drawn picture lies in, over k; 1 for sets of one kind.
        recall: share of real pictures within the neighbourhood of any drawn one.
        coverage: share of real pictures with any drawn one in their neighbourhood.
    """

    precision: Jackknifed
    density: Jackknifed
    recall: Jackknifed
    coverage: Jackknifed


def neighbourhoods(real: Grouped, drawn: Grouped, k: int) -> Neighbourhoods:
    """Compares two sets.

    Args:
        k: the neighbourhood of a picture reaches to its k-th nearest other one in its set, and holds what is nearer.

    Raises:
        ValueError: without one of its groups a set has no k + 1 pictures.
    """
    within_real, within_drawn = _Balls.around(real, k), _Balls.around(drawn, k)
    precision, density, coverage = within_real.holding(drawn, k)
    recall, _, _ = within_drawn.holding(real, k)
    return Neighbourhoods(precision, density, recall, coverage)


@dataclass(frozen=True)
class _Balls:
    """The neighbourhoods of a set.

    Attributes:
        squared_radii: [G + 1, n]; row g without the pictures of group g, whose own are 0; the last row of all.
    """

    centres: Grouped
    squared_radii: NDArray[np.float64]

    @classmethod
    def around(cls, own: Grouped, k: int) -> "_Balls":
        if len(own) - own.sizes.max() <= k:
            raise ValueError(f"{len(own)} pictures are too few for neighbourhoods of {k}")
        radii = np.empty((len(own.sizes) + 1, len(own)))
        for rows, squared in squared_distances(own.features, own.features):
            here = np.arange(rows.start, rows.stop)
            squared[here - rows.start, here] = np.inf  # no picture is its own neighbour
            nearest = np.argpartition(squared, k - 1, axis=1)[:, :k]
            radii[:, rows] = np.take_along_axis(squared, nearest, 1).max(1)
            for groups in own.groups[nearest].T:  # a radius changes only without a group of one of the k nearest
                kept = np.where(own.groups == groups[:, None], np.inf, squared)
                radii[groups, here] = np.partition(kept, k - 1, axis=1)[:, k - 1]
        radii[own.groups, np.arange(len(own))] = 0.0
        return cls(own, radii * (1 - ROUNDING))

    def holding(self, points: Grouped, k: int) -> tuple[Jackknifed, Jackknifed, Jackknifed]:
        """Share of points in any ball; balls over a point, over k; share of balls that hold any point."""
        over = np.empty((len(self.squared_radii), len(points)))  # balls over each point
        filled = np.zeros(self.squared_radii.shape, bool)  # balls that hold any point
        held = np.zeros((len(points.sizes), len(self.centres)))  # points of each group in each ball
        members = np.eye(len(points.sizes))[points.groups]
        for rows, squared in squared_distances(points.features, self.centres.features):
            for i, radii in enumerate(self.squared_radii):
                inside = squared < radii
                over[i, rows] = np.count_nonzero(inside, axis=1)
                filled[i] |= inside.any(0)
            held += members[rows].T @ inside.astype(np.float64)  # the last: with all balls
        return (
            self._of_points(points, over > 0),
            self._of_points(points, over / k),
            self._of_balls(points, filled, held),
        )

    def _of_points(self, points: Grouped, each: NDArray) -> Jackknifed:
        """The mean over points of what `each` [G + 1, n] says of them."""
        sums = np.bincount(points.groups, each[-1])
        without = (sums.sum() - sums) / (len(points) - points.sizes)
        return Jackknifed(
            float(each[-1].mean()),
            (Replicates(each[:-1].mean(1), self.centres.sizes), Replicates(without, points.sizes)),
        )

    def _of_balls(self, points: Grouped, filled: NDArray[np.bool_], held: NDArray[np.float64]) -> Jackknifed:
        """The share of balls that hold any point."""
        n = len(self.centres)
        without_balls = filled[:-1].sum(1) / (n - self.centres.sizes)
        without_points = (held.sum(0) - held > 0).mean(1)
        return Jackknifed(
            float(filled[-1].mean()),
            (Replicates(without_balls, self.centres.sizes), Replicates(without_points, points.sizes)),
        )
