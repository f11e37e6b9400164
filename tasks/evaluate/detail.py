"""Where a picture differs from its reconstruction: by the size of details, and over the picture."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def octaves(side: int) -> list[int]:
    """The lower ends of the bands of `band_powers` in cycles per picture: 1, 2, 4, ..., all below side / 2."""
    return [2**band for band in range(side.bit_length()) if 2**band < side / 2]


def band_powers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square of a picture, split by spatial frequency into octaves.

    By Parseval's theorem the bands and the square of the mean colour add up to the mean square.

    Args:
        values: [S, S, 3].

    Returns:
        [bands], mean over the colours: of frequencies from 1 to 2 cycles per picture, from 2 to 4, and so on; the last
        band holds all higher ones.
    """
    side = len(values)
    powers = (np.abs(np.fft.fft2(values, axes=(0, 1), norm="forward")) ** 2).mean(-1)
    cycles = np.fft.fftfreq(side, 1 / side)
    frequency = np.hypot(cycles[:, None], cycles[None, :])
    band = np.searchsorted(octaves(side), frequency, side="right")  # 0 is the mean colour
    return np.bincount(band.ravel(), powers.ravel(), minlength=len(octaves(side)) + 1)[1:].astype(np.float64)


def cell_errors(original: Pixels, copy: Pixels, grid: int) -> NDArray[np.float32]:
    """Mean squared error of values in [0, 1] in the square of each code: float32 [grid * grid] in raster order."""
    squares = ((original.astype(np.float64) - copy) / 255) ** 2
    edge = len(original) // grid
    cells = squares.reshape(grid, edge, grid, edge, 3).mean((1, 3, 4))
    return cells.ravel().astype(np.float32)
