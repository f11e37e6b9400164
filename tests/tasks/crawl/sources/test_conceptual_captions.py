"""CC3M and CC12M: two columns in opposite order, and every line is a pair or a reject that says what is wrong."""

from pathlib import Path

import pytest
from support.lists import faults, pairs, read, written

from tasks.errors import SourceError
from tasks.settings import Settings

DOG = ("https://example.org/dog.jpg", "a dog asleep in the garden")
CAT = ("http://example.org/cat.jpg", "ein Kater, größer als der Hund")


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "tsv.bz2"])
def test_the_two_kinds_have_opposite_columns(settings: Settings, tmp_path: Path, suffix: str) -> None:
    cc3m = written(tmp_path / f"Train_GCC-training.{suffix}", *(f"{text}\t{url}" for url, text in (DOG, CAT)))
    cc12m = written(tmp_path / f"cc12m.{suffix}", *(f"{url}\t{text}" for url, text in (DOG, CAT)))
    for kind, path in (("cc3m", cc3m), ("cc12m", cc12m)):
        candidates, rejects = read(settings, kind, path)
        assert (pairs(candidates), rejects) == ([DOG, CAT], [])
        assert {row["source"] for row in candidates} == {kind}
    assert candidates[1]["page_url"] == f"cc12m:///cc12m.{suffix}#line%202"


def test_a_line_that_is_no_pair_is_a_reject_with_its_file_line_and_fault(settings: Settings, tmp_path: Path) -> None:
    lines = [
        "\ufeffa dog\thttps://example.org/dog.jpg\r",
        "only a caption",
        "a\tb\tc",
        "",
        "a cat\tftp://example.org/cat.jpg",
        "a cat\t",
        " \thttps://example.org/empty.jpg",
        "a cat\thttps://exam ple.org/cat.jpg",
        b"caf\xe9\thttps://example.org/cafe.jpg",
        b"a\0cat\thttps://example.org/zero.jpg",
        "a cow\thttps://me:secret@example.org/cow.jpg",
        f"{'x' * 10_001}\thttps://example.org/long.jpg",
        f"a horse\thttps://example.org/{'y' * 4000}",
    ]
    candidates, rejects = read(settings, "cc3m", written(tmp_path / "cc.tsv", *lines))
    assert pairs(candidates) == [
        ("https://example.org/dog.jpg", "a dog"),
        ("https://example.org/cow.jpg", "a cow"),
    ]
    assert faults(rejects) == [
        ("malformed_row", "cc.tsv line 2: 1 cells, expected 2"),
        ("malformed_row", "cc.tsv line 3: 3 cells, expected 2"),
        ("malformed_row", "cc.tsv line 4: 1 cells, expected 2"),
        ("bad_url", "cc.tsv line 5: no web address: ftp://example.org/cat.jpg"),
        ("bad_url", "cc.tsv line 6: no address"),
        ("missing_alt", "cc.tsv line 7: no caption"),
        ("bad_url", "cc.tsv line 8: no web address: https://exam ple.org/cat.jpg"),
        ("malformed_row", "cc.tsv line 9: no UTF-8, or more than 1048576 bytes"),
        ("malformed_row", "cc.tsv line 10: no UTF-8, or more than 1048576 bytes"),
        ("alt_too_long", "cc.tsv line 12: more than 10000 characters"),
        ("bad_url", "cc.tsv line 13: more than 4000 characters"),
    ]


def test_a_folder_of_files_is_read_file_by_file_with_its_licence_and_split(settings: Settings, tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path / f"cc12m-{number}.tsv", f"https://example.org/{number}.jpg\tpicture number {number}")
    (tmp_path / "README.md").write_text("no list")
    candidates, _ = read(settings, "cc12m", tmp_path, licence="CC0", split="validation")
    assert [row["url"][-5:] for row in candidates] == ["0.jpg", "1.jpg", "2.jpg"]
    assert {(row["licence"], row["split"]) for row in candidates} == {("CC0", "validation")}


def test_a_file_of_the_other_kind_is_one_sentence_with_the_first_fault(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "cc12m.tsv", "https://example.org/dog.jpg\ta dog")
    with pytest.raises(
        SourceError, match=r"No row of .*cc12m.tsv is a pair as in cc3m \(.* line 1: no web address: a dog\): check its"
    ):
        read(settings, "cc3m", path)
