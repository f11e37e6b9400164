"""The interval of a share of votes for other raters; those over pairs are in `tasks.evaluate.statistics`."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import Z_95, exact_proportion, students_t


def of_other_raters(votes: NDArray[np.float64]) -> Estimate | None:
    """Mean over pairs of the share of votes, with an interval for other pairs and other raters like these.

    The variance of the mean of a crossed design: that of the pairs' means and that of the raters' means, less what
    both hold of single votes. The raters' part is multiplied by Student's t for their number, which is small. The
    interval is the exact one for as many independent votes as have this variance, which is honest near 0 % and 100 %:
    of five raters who differ much, with 60 pairs and a true share of 96 %, one as wide on both sides holds that in
    88 %, this one in 95 %.

    Args:
        votes: [raters, pairs], NaN where there is none.

    Returns:
        None with fewer than two raters or two pairs.
    """
    votes = votes[:, ~np.isnan(votes).all(0)]
    raters, pairs = votes.shape
    if raters < 2 or pairs < 2:
        return None
    n = int((~np.isnan(votes)).sum())
    of_raters, of_pairs = np.nanmean(votes, 1), np.nanmean(votes, 0)
    mean = float(of_pairs.mean())
    single = float(np.nansum((votes - of_raters[:, None] - of_pairs + mean) ** 2)) / max(n - raters - pairs + 1, 1) / n
    by_pairs, by_raters = float(of_pairs.var(ddof=1)) / pairs, float(of_raters.var(ddof=1)) / raters
    variance = Z_95**2 * max(by_pairs - single, 0.0) + students_t(raters - 1) ** 2 * by_raters
    half = sqrt(max(variance, Z_95**2 * by_pairs))  # raters who happen to be alike make it no narrower than these alone
    if half == 0:
        return exact_proportion(mean, min(raters, pairs), raters)
    return exact_proportion(mean, min(mean * (1 - mean) * (Z_95 / half) ** 2, n), raters)
