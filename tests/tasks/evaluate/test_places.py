"""Means at places: summed over shards as over one, with Student's interval, and by how often a code is used."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from tasks.engine.row_groups import table_bytes
from tasks.evaluate.places import Sums, octaves_of_use, sum_places
from tasks.evaluate.rebuild import RECONSTRUCTIONS
from tasks.settings import Settings

PLACES = ("codes", "cell_errors", "text_losses", "image_losses")


def shard(path: Path, codes: np.ndarray, image: np.ndarray, text: np.ndarray) -> str:
    """A shard of reconstructions with the columns of places alone; the errors are a tenth of the image's losses."""
    rows = [
        {
            "codes": own.astype("<u2").tobytes(),
            "cell_errors": (lost / 10).astype("<f4").tobytes(),
            "text_losses": said.astype("<f4").tobytes(),
            "image_losses": lost.astype("<f4").tobytes(),
        }
        for own, lost, said in zip(codes, image, text, strict=True)
    ]
    schema = pa.schema([RECONSTRUCTIONS.field(name) for name in PLACES])
    path.write_bytes(table_bytes(pa.Table.from_pylist(rows, schema)))
    return str(path)


def test_shards_add_up_to_what_one_of_all_pairs_tells(tmp_path: Path, settings: Settings) -> None:
    random = np.random.default_rng(0)
    codes, image = random.integers(5, size=(7, 9)), random.uniform(0, 4, (7, 9))
    text = np.where(random.uniform(size=(7, 3)) < 0.3, np.nan, 1.0)
    cut = [shard(tmp_path / f"{a}.parquet", *(x[a:b] for x in (codes, image, text))) for a, b in ((0, 2), (2, 7))]
    counts = np.array([0, 1, 2, 3, 100])
    found = sum_places(cut, counts, settings)
    assert found is not None
    assert found.image.mean == pytest.approx(image.mean(0))
    assert found.errors.mean == pytest.approx(image.mean(0) / 10)
    assert found.rows.mean == pytest.approx(image.reshape(7, 3, 3).mean((0, 2)))
    assert found.text.count.tolist() == (~np.isnan(text)).sum(0).tolist()
    rare = [lost[own == 1].mean() for own, lost in zip(codes, image, strict=True) if (own == 1).any()]
    assert found.by_use.mean[1] == pytest.approx(np.mean(rare))
    assert found.by_use.count[1] == len(rare)
    assert sum_places([], counts, settings) is None


def test_the_mean_and_its_interval_are_those_of_students_distribution() -> None:
    values = np.random.default_rng(0).normal(3, 2, (12, 2))
    values[5:, 1] = np.nan
    sums = Sums.of(values)
    for place, own in enumerate((values[:, 0], values[:5, 1])):
        found = sums.estimate(place)
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        assert (found.value, found.n) == (pytest.approx(own.mean()), len(own))
        assert (found.low, found.high) == (pytest.approx(low, rel=0.01), pytest.approx(high, rel=0.01))


def test_a_single_value_bounds_nothing_but_itself() -> None:
    assert Sums.of(np.array([[2.0]])).estimate(0).model_dump() == {"value": 2, "low": 2, "high": 2, "n": 1, "unit": ""}


def test_codes_are_grouped_by_octaves_of_their_uses() -> None:
    assert octaves_of_use(np.array([0, 1, 2, 3, 4, 7, 8, 1023, 1024])).tolist() == [0, 1, 2, 2, 3, 3, 4, 10, 11]
