"""LAION and DataComp: Parquet whose columns are found by name."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lists import faults, pairs, read

from tasks.errors import SourceError
from tasks.settings import Settings

URLS = ["https://example.org/a.jpg", None, "https://example.org/c.jpg"]
TEXTS = ["a dog", "a cat", None]


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    "columns",
    [
        {
            "SAMPLE_ID": [1, 2, 3],
            "URL": URLS,
            "TEXT": TEXTS,
            "LICENSE": ["?", None, "?"],
            "similarity": [0.3, 0.3, 0.3],
        },
        {"uid": ["1", "2", "3"], "url": URLS, "text": TEXTS, "original_width": [1, 2, 3]},
        {"url": pa.array(URLS, pa.large_string()), "caption": TEXTS},
    ],
)
def test_addresses_and_captions_are_found_by_the_names_of_their_columns(
    settings: Settings, tmp_path: Path, columns: dict[str, Any]
) -> None:
    candidates, rejects = read(settings, "laion", parquet(tmp_path / "part-00000.parquet", **columns))
    assert pairs(candidates) == [("https://example.org/a.jpg", "a dog")]
    assert candidates[0]["licence"] is None
    assert faults(rejects) == [
        ("bad_url", "part-00000.parquet row 2: no address"),
        ("missing_alt", "part-00000.parquet row 3: no caption"),
    ]


def test_stated_licences_travel_and_other_columns_can_be_named(settings: Settings, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", URL=URLS, TEXT=TEXTS, LICENSE=["CC BY-NC 4.0", "?", "?"], better=["x"] * 3)
    candidates, rejects = read(settings, "laion", path, caption_column="better", licence="unknown")
    assert [(row["alt"], row["licence"]) for row in candidates] == [("x", "CC BY-NC 4.0"), ("x", "unknown")]
    assert len(rejects) == 1
    _, rejects = read(settings, "laion", path, exclude_licences=["nc"], caption_column="better")
    assert faults(rejects)[0] == ("licence_excluded", "a.parquet row 1: CC BY-NC 4.0")


def test_a_file_without_the_columns_or_without_parquet_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has no column of texts named text or caption, only url, n: set capt"):
        read(settings, "laion", parquet(tmp_path / "a.parquet", url=URLS, n=[1, 2, 3]))
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"b\.parquet is damaged or no Parquet .*: get it again"):
        read(settings, "laion", tmp_path / "b.parquet")
