"""WIT: one caption of each row, in the languages that are asked for."""

import csv
import random
from pathlib import Path

import pytest
from support.lists import faults, pairs, read, written

from tasks.crawl.lists import tsv
from tasks.crawl.sources.wit import COLUMNS
from tasks.settings import Settings


def line(**values: str) -> str:
    given = {"language": "en", "page_url": "https://en.wikipedia.org/wiki/Dog", "image_url": "https://x.org/a.jpg"}
    return "\t".join((given | values).get(name, "") for name in COLUMNS)


def test_the_best_caption_there_is_is_taken(settings: Settings, tmp_path: Path) -> None:
    kinds = {"caption_reference_description": "a reference", "caption_alt_text_description": "an alt text"}
    attribution = {"caption_attribution_description": "English: A dog: asleep"}
    lines = [
        line(**kinds),
        line(**attribution | {"caption_alt_text_description": " an alt text "}),
        line(**attribution),
    ]
    path = written(tmp_path / "wit_v1.train.all-00000-of-00010.tsv.gz", "\t".join(COLUMNS), *lines)
    candidates, rejects = read(settings, "wit", path)
    assert ([row["alt"] for row in candidates], rejects) == (["a reference", "an alt text", "A dog: asleep"], [])
    assert candidates[0]["page_url"] == "https://en.wikipedia.org/wiki/Dog"
    alone, rejects = read(settings, "wit", path, captions=["alt_text"])
    assert [row["alt"] for row in alone] == ["an alt text", "an alt text"]
    assert faults(rejects) == [("missing_alt", f"{path.name} line 4: no caption")]


def test_rows_of_other_languages_are_rejects(settings: Settings, tmp_path: Path) -> None:
    words = {"caption_reference_description": "Hund"}
    path = written(tmp_path / "wit.tsv", line(**words), line(language="de", **words), line(language="zh-TW", **words))
    candidates, rejects = read(settings, "wit", path)
    assert pairs(candidates) == [("https://x.org/a.jpg", "Hund")]
    assert faults(rejects)[1] == ("other_language", "wit.tsv line 3: zh-TW")
    assert len(read(settings, "wit", path, languages=["de", "en"])[0]) == 2
    assert len(read(settings, "wit", path, languages=[])[0]) == 3


def test_quotation_marks_of_a_csv_writer_are_not_part_of_a_caption(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "wit.tsv", line(caption_reference_description='"a ""good"" dog"'), "half a row")
    candidates, rejects = read(settings, "wit", path)
    assert [row["alt"] for row in candidates] == ['a "good" dog']
    assert faults(rejects) == [("malformed_row", "wit.tsv line 2: 1 cells, expected 17")]


def test_a_quoted_field_may_go_on_over_lines_and_hold_tabs(settings: Settings, tmp_path: Path) -> None:
    long = '"a ""good"" dog,\r\n\tasleep\n\n"'
    lines = [
        line(caption_reference_description=long, context_section_description='"1\n""2""\n3"'),
        line(caption_reference_description="a cat"),
    ]
    candidates, rejects = read(settings, "wit", written(tmp_path / "wit.tsv", "\t".join(COLUMNS), *lines))
    assert ([" ".join(row["alt"].split()) for row in candidates], rejects) == (['a "good" dog, asleep', "a cat"], [])
    assert candidates[0]["page_url"] == "https://en.wikipedia.org/wiki/Dog"
    missing = [line(caption_reference_description='"\n\n"'), "half a row"]
    _, rejects = read(settings, "wit", written(tmp_path / "wit.tsv", *lines, *missing))
    assert faults(rejects) == [
        ("missing_alt", "wit.tsv line 8: no caption"),
        ("malformed_row", "wit.tsv line 11: 1 cells, expected 17"),
    ]


@pytest.mark.parametrize("piece", [7, 1000, 8 * 2**20])
def test_what_pythons_csv_writer_writes_is_read_back(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(tsv, "PIECE_BYTES", piece)
    chance = random.Random(5)
    texts = ["".join(chance.choice("ab \"'\t\n") for _ in range(chance.randrange(12))) + "x" for _ in range(300)]
    path = tmp_path / "wit.tsv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for text in texts:
            given = {"language": "en", "image_url": "https://x.org/a.jpg", "context_section_description": text}
            given["caption_reference_description"] = text
            writer.writerow([given.get(name, "") for name in COLUMNS])
    candidates, rejects = read(settings, "wit", path)
    assert rejects == []
    assert [row["alt"].split() for row in candidates] == [text.split() for text in texts]


def test_a_stray_quotation_mark_costs_no_other_row(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file is written without quoting, a mark at a cell's start opens nothing; nor does one that never ends."""
    stray = line(caption_reference_description='"Sunrise over the bay')
    others = [line(caption_reference_description=f"picture number {number}") for number in range(40)]
    spoken = line(caption_reference_description='"Come by!" says the poster')
    both = [stray, *others, spoken, *others]
    candidates, rejects = read(settings, "wit", written(tmp_path / "wit.tsv", *both))
    assert (len(candidates), rejects) == (len(both), [])
    assert candidates[0]["alt"] == '"Sunrise over the bay'
    monkeypatch.setattr(tsv, "MAX_LINE_BYTES", 500)
    monkeypatch.setattr(tsv, "PIECE_BYTES", 300)
    candidates, rejects = read(settings, "wit", written(tmp_path / "wit.tsv", *[stray, *others] * 3))
    assert (len(candidates), rejects) == (3 * 41, [])
