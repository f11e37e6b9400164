"""Maximum mean discrepancy of two picture sets, as CMMD has it (Jayasumana et al. 2024, Rethinking FID, section 4)."""

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.picture_sets.jackknife import Grouped, Jackknifed, Replicates
from tasks.evaluate.picture_sets.pairwise import squared_distances

SIGMA = 10.0  # of the Gaussian kernel (section 4.1)
SCALE = 1000.0


def squared_mmd(a: Grouped, b: Grouped) -> Jackknifed:
    """1000 times the squared MMD of unit vectors under the Gaussian kernel of width 10; 0 for equal sets.

    The biased estimator, with each picture compared with itself too, as the authors' code computes it: for n and m
    pictures of one kind it is about (1 - mean kernel) * (1 / n + 1 / m) above zero.
    """
    sums = [_between(x, y) for x, y in ((a, a), (b, b), (a, b))]
    sizes = (a.sizes, b.sizes)
    everything = [np.ones(len(each)) for each in sizes]

    def without(which: int, group: int) -> float:
        kept = [each.copy() for each in everything]
        kept[which][group] = 0
        return _of_kept(sums, sizes, kept)

    left_out = [
        Replicates(np.array([without(which, group) for group in range(len(sizes[which]))]), sizes[which])
        for which in (0, 1)
    ]
    return Jackknifed(_of_kept(sums, sizes, everything), tuple(left_out))


def _between(a: Grouped, b: Grouped) -> NDArray[np.float64]:
    """Sums of the kernel, less 1, over the pairs of each two groups: [G, H].

    The ones cancel out in the MMD, and what is left of the kernel is small beside them.
    """
    members = np.eye(len(b.sizes))[b.groups]  # [m, H]
    sums = np.zeros((len(a.sizes), len(b.sizes)))
    for rows, squared in squared_distances(a.features, b.features):
        np.add.at(sums, a.groups[rows], np.expm1(squared / (-2 * SIGMA**2)) @ members)
    return sums


def _of_kept(
    sums: list[NDArray[np.float64]], sizes: tuple[NDArray[np.int64], ...], kept: list[NDArray[np.float64]]
) -> float:
    """The figure over the groups whose weight in `kept` is 1."""
    a, b = kept
    n, m = a @ sizes[0], b @ sizes[1]
    within_a, within_b, between = sums
    return SCALE * float(a @ within_a @ a / n**2 + b @ within_b @ b / m**2 - 2 * (a @ between @ b) / (n * m))
