"""Words set in type fill the picture and stay within it."""

import numpy as np
import pytest

from tasks.evaluate.text_rendering.rendered import INKS, renderings


@pytest.mark.parametrize("side_px", [32, 64, 256])
@pytest.mark.parametrize("words", ["tea", "happy birthday", "42"])
def test_words_are_as_large_as_fits(words, side_px):
    made = list(renderings(words, side_px))
    assert len(made) == len(INKS)
    for picture, (_, ground) in zip(made, INKS, strict=True):
        assert picture.shape == (side_px, side_px, 3)
        rows, columns = (np.flatnonzero((picture != np.array(ground)).any((2, axis))) for axis in (1, 0))
        assert min(rows[0], columns[0]) > 0
        assert max(rows[-1], columns[-1]) < side_px - 1
        assert max(np.ptp(rows), np.ptp(columns)) > 0.6 * side_px
