"""Which detail of held-out pictures the image tokenizer loses, and where in the picture."""

from collections.abc import Callable

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.means import ratio_of_means
from tasks.evaluate.nearest import grey_levels
from tasks.evaluate.places import Sums
from tasks.evaluate.quantities import GREY_LEVELS, SHARE, Curve, HeatMap, Line, Part
from tasks.evaluate.statistics import plain


class Detail(Part):
    """Held-out pictures beside what their codes keep of them."""

    lost: Curve | None = Field(
        title="Fine detail goes first",
        description="Share of the power of a picture's details that its reconstruction has wrong, by their size: 1 is "
        "as large as the picture, and each further tick half as large. At 100% it is no better than a plain area; with "
        "95% interval.",
    )
    places: HeatMap = Field(
        title="Where the error is",
        description="Typical error in the square of each code, over held-out pictures.",
    )


def measure(evidence: Evidence) -> Detail | None:
    """None where no image was rebuilt."""
    if evidence.places is None:
        return None
    return Detail(lost=_lost(evidence), places=square(evidence.places.errors, GREY_LEVELS, grey_levels))


def _lost(evidence: Evidence) -> Curve | None:
    """Bands that hold nothing in any picture are left out; None where there are not two."""
    errors, originals = (
        np.array([row[name] for row in evidence.rebuilt]).T for name in ("error_bands", "original_bands")
    )
    known = [band for band in range(len(originals)) if originals[band].sum() > 0]
    if len(known) < 2:
        return None
    points = [ratio_of_means(errors[band].tolist(), originals[band].tolist(), SHARE) for band in known]
    return Curve(
        x_name="cycles per picture",
        lines=(Line.of("lost", [2**band for band in known], points),),
        unit=SHARE,
        baselines={"nothing kept": 1.0},
        log_x=True,
        from_zero=True,
    )


def square(sums: Sums, unit: str, write: Callable[[float], float] = float) -> HeatMap:
    """The means of the places of a square of codes, each turned into its unit."""
    edge = int(len(sums.mean) ** 0.5)
    means = [plain(write(each)) for each in sums.mean.tolist()]
    return HeatMap(rows=tuple(tuple(means[edge * row : edge * (row + 1)]) for row in range(edge)), unit=unit)
