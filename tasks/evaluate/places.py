"""Means over held-out pictures at each place: of the error at each code's square, of the prior's loss at each position.

Each picture has thousands of them, so a shard gives their sums, and no process holds those of all pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.shards import map_shards
from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import plain, students_t
from tasks.settings import Settings

OCTAVES = 40  # of how often a code is used; 2^39 codes are beyond any corpus


@dataclass(frozen=True)
class Sums:
    """Of the values at each place, over pictures: how many, their sum and that of their squares, float64 [places]."""

    count: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Self:
        """Of values [B, places]; NaN is no value."""
        known = values.astype(np.float64)
        return cls((~np.isnan(known)).sum(0).astype(np.float64), np.nansum(known, 0), np.nansum(known**2, 0))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        """NaN where there are no values."""
        return self.total / np.where(self.count > 0, self.count, np.nan)

    def estimate(self, place: int, unit: str = "") -> Estimate:
        """The mean at a place with Student's interval over pictures; a single value bounds nothing but itself."""
        n, mean = int(self.count[place]), float(self.mean[place])
        half = 0.0
        if n > 1:
            variance = max(float(self.squares[place]) - n * mean**2, 0.0) / (n - 1)
            half = students_t(n - 1) * (variance / n) ** 0.5
        return Estimate(value=plain(mean), low=plain(mean - half), high=plain(mean + half), n=n, unit=unit)


@dataclass(frozen=True)
class PlaceSums:
    """What is known of the places of held-out pictures.

    Attributes:
        errors: squared error of the reconstruction in each code's square, values in [0, 1].
        text, image: the prior's loss at each text position after the first, and at each code; nats. None for a
            generator that predicts no codes.
        rows: its mean loss in each row of codes.
        by_use: its mean loss of the codes in each octave of `octaves_of_use`.
    """

    errors: Sums
    text: Sums | None = None
    image: Sums | None = None
    rows: Sums | None = None
    by_use: Sums | None = None

    def __add__(self, other: "PlaceSums") -> "PlaceSums":
        return PlaceSums(
            self.errors + other.errors,
            _added(self.text, other.text),
            _added(self.image, other.image),
            _added(self.rows, other.rows),
            _added(self.by_use, other.by_use),
        )


def _added(one: Sums | None, other: Sums | None) -> Sums | None:
    return None if one is None or other is None else one + other


def octaves_of_use(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each code the octave of its uses among the training tokens, int64 [V].

    Octave 0 is no use, octave k > 0 holds 2^(k - 1) to 2^k - 1 uses.
    """
    octaves: NDArray[np.int64] = np.ceil(np.log2(counts + 1)).astype(np.int64)
    return octaves


def sum_places(
    reconstructions: Sequence[str], code_counts: NDArray[np.int64] | None, settings: Settings
) -> PlaceSums | None:
    """Adds up shards of `rebuild.RECONSTRUCTIONS`; None without one."""
    use = None if code_counts is None else octaves_of_use(code_counts)
    parts = map_shards(partial(sum_shard, use), reconstructions, settings)
    return reduce(PlaceSums.__add__, parts) if parts else None


def sum_shard(octaves: NDArray[np.int64] | None, uri: str) -> PlaceSums:
    """The sums of one shard. Runs in a Dask worker."""
    table = schemas.read_table(uri, ["codes", "cell_errors", "text_losses", "image_losses"]).to_pydict()
    errors = Sums.of(_rows(table["cell_errors"]))
    if table["image_losses"][0] is None:
        return PlaceSums(errors)
    image = _rows(table["image_losses"])
    grid = int(image.shape[1] ** 0.5)
    codes = np.frombuffer(b"".join(table["codes"]), "<u2").reshape(image.shape)
    return PlaceSums(
        errors=errors,
        text=Sums.of(_rows(table["text_losses"])),
        image=Sums.of(image),
        rows=Sums.of(image.reshape(-1, grid, grid).mean(2)),
        by_use=None if octaves is None else Sums.of(_means_by_group(image, octaves[codes])),
    )


def _rows(encoded: Sequence[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(encoded), "<f4").reshape(len(encoded), -1)


def _means_by_group(values: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row, the mean of the values of each group: [B, OCTAVES], NaN where a row has none."""
    flat = (np.arange(len(values))[:, None] * OCTAVES + groups).ravel()
    size = len(values) * OCTAVES
    counted, total = np.bincount(flat, minlength=size), np.bincount(flat, values.ravel(), minlength=size)
    means: NDArray[np.float64] = (total / np.where(counted > 0, counted, np.nan)).reshape(len(values), OCTAVES)
    return means
