"""WIT: one caption of each row, in the languages that are asked for."""

from pathlib import Path

from support.lists import faults, pairs, read, written

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
