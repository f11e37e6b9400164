"""Both random crops against the paper's listings: which pictures come out, and how often each.

The listings are written out here for a small size, as every outcome with its probability.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from models.training.images import dvae_crop, prior_crop

Pixels = np.ndarray
Outcomes = Iterator[tuple[float, Pixels]]
SIZE = 8  # stands for the paper's 256


def area_resize(image: Pixels, side: int) -> Pixels:
    """The mean over the exact area of each new pixel, rounded half to even: [side, side, 3]."""
    height = image.shape[0]
    edges = np.arange(side + 1) * height / side
    pixels = np.arange(height)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = overlap.clip(0) * side / height
    return np.rint(np.einsum("ih,jw,hwc->ijc", weights, weights, image.astype(float)))


def windows(image: Pixels) -> list[Pixels]:
    """Every square of SIZE in a square image."""
    starts = range(image.shape[0] - SIZE + 1)
    return [image[top : top + SIZE, left : left + SIZE] for top, left in itertools.product(starts, starts)]


def listing_1(image: Pixels) -> Outcomes:
    """The dVAE's: any square of the short side, 9/8 to 12/8 of the size, any window, half of them mirrored."""
    height, width = image.shape[:2]
    s = min(height, width)
    corners = list(itertools.product(range(height - s + 1), range(width - s + 1)))
    sides = range(min(s, SIZE * 9 // 8), min(s, SIZE * 12 // 8) + 1)
    for (top, left), t in itertools.product(corners, sides):
        found = windows(area_resize(image[top : top + s, left : left + s], t))
        for window, flipped in itertools.product(found, (False, True)):
            probability = 1 / len(corners) / len(sides) / len(found) / 2
            yield probability, window[:, ::-1] if flipped else window


def listing_2(image: Pixels) -> Outcomes:
    """The prior's: a square near the centre, 1 to 9/8 of the size, any window, never mirrored."""
    height, width = image.shape[:2]
    s = min(height, width)
    m = max(height, width) - s
    offsets = range(3 * m // 8, max(3 * m // 8 + 1, 5 * m // 8))
    sides = range(SIZE, min(s, SIZE * 9 // 8) + 1)
    for offset, t in itertools.product(offsets, sides):
        square = image[:, offset : offset + s] if width > height else image[offset : offset + s]
        found = windows(area_resize(square, t))
        for window in found:
            yield 1 / len(offsets) / len(sides) / len(found), window


def probability_of_each_picture(outcomes: Outcomes) -> dict[bytes, float]:
    """Different choices may show the same picture: without resizing, one column further is one square further."""
    found: dict[bytes, float] = defaultdict(float)
    for probability, picture in outcomes:
        found[picture.astype(np.uint8).tobytes()] += probability
    return found


@pytest.mark.parametrize(
    ("crop", "listing"), [(dvae_crop, listing_1), (prior_crop, listing_2)], ids=["listing 1", "listing 2"]
)
@pytest.mark.parametrize("shape", [(12, 15), (15, 12), (13, 17), (8, 8), (9, 20), (24, 24)])
def test_outcomes_are_as_frequent_as_in_the_listing(
    crop: Callable[..., Pixels], listing: Callable[[Pixels], Outcomes], shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    probabilities = probability_of_each_picture(listing(image))
    assert sum(probabilities.values()) == pytest.approx(1.0)
    expected = np.stack([np.frombuffer(picture, np.uint8) for picture in probabilities]).astype(int)

    random, draws = np.random.default_rng(1), int(6 / min(probabilities.values()))
    drawn = Counter(crop(image, SIZE, random).tobytes() for _ in range(draws))
    counts = np.zeros(len(probabilities))
    for content, count in drawn.items():
        difference = np.abs(expected - np.frombuffer(content, np.uint8).astype(int)).max(1)
        assert difference.min() <= 1  # a half may be rounded either way by the sums of another order
        counts[difference.argmin()] += count

    # Chi-squared: its mean is the number of outcomes less one, its variance twice that.
    mean = draws * np.array(list(probabilities.values()))
    freedom = len(probabilities) - 1
    statistic = float(((counts - mean) ** 2 / mean).sum())
    assert abs(statistic - freedom) <= 5 * np.sqrt(2 * freedom) + 1e-6
