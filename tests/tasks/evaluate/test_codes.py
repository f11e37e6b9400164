"""Which codes are used, and how evenly."""

import numpy as np
import pytest
from support.evidence import evidence

from tasks.evaluate import codes

REBUILT = [{"codes": np.array([0, 0, 3, 3], "<u2").tobytes()}]


def test_unused_codes_and_uneven_use_are_told():
    measured = codes.measure(evidence([], vocab_size=4, code_counts=np.array([6, 0, 6, 0]), rebuilt=REBUILT))
    assert (measured.train.used, measured.train.total) == (2, 12)
    assert measured.train.perplexity == pytest.approx(2)
    assert (measured.val.used, measured.val.total) == (2, 4)


def test_the_curve_holds_every_code_with_the_most_used_first():
    [line] = codes.measure(evidence([], vocab_size=4, code_counts=np.array([1, 8, 0, 3]))).uses.lines
    assert (line.x, line.y) == ((1, 2, 3, 4), (8, 3, 1, 0))


def test_without_tokens_the_held_out_codes_are_still_counted():
    measured = codes.measure(evidence([], vocab_size=4, rebuilt=REBUILT))
    assert (measured.train, measured.uses, measured.val.used) == (None, None, 2)


def test_a_generator_without_codes_has_no_such_figures():
    assert codes.measure(evidence([])) is None
