"""Means over the rebuilt pictures."""

from support.evidence import evidence

from tasks.evaluate import reconstruction


def test_figures_are_means_over_the_rebuilt_pictures():
    rows = [
        {"psnr_db": 20.0 + i, "ssim": 0.5 + i / 10, "l1": (10 + i) / 255, "is_recognised": i == 0} for i in range(3)
    ]
    measured = reconstruction.measure(evidence([], rebuilt=rows))
    assert (measured.psnr_db.value, measured.ssim.value, measured.l1.value) == (21, 0.6, 11)
    assert (measured.recognised.value, measured.recognised.n) == (0.33333333, 3)


def test_nothing_rebuilt_tells_nothing():
    assert reconstruction.measure(evidence([])) is None
