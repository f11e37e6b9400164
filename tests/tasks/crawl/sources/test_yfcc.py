"""YFCC100M: photographs alone, with decoded titles and descriptions, and licences that can be excluded."""

from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from support.lists import faults, pairs, read, written

from tasks.settings import Settings

HASH = "0123456789abcdef0123456789abcdef"
BY, NC, ND = (f"http://creativecommons.org/licenses/{name}/2.0/" for name in ("by", "by-nc-sa", "by-nd"))


def line(columns: int = 25, **values: Any) -> str:
    """A line of the data set: what is not given is as for a photograph of a dog."""
    given = {"title": "A dog", "description": "", "licence": BY, "marker": "0", "hash": HASH} | values
    cells = ["7", "4711", given["hash"], "12@N01", "a+nick", "2009-01-01 10:00:00.0", "1230804000", "Canon"]
    cells += [quote_plus(given["title"]), quote_plus(given["description"]), "dog,garden", "", "", "", ""]
    cells += ["http://www.flickr.com/photos/12@N01/4711/", "http://farm1.staticflickr.com/1/4711_s.jpg"]
    cells += ["A License", given["licence"], "1", "1", "secret", "original", "jpg", given["marker"]]
    return "\t".join(cells if columns == 25 else [cells[1], *cells[3:]])


def test_images_lie_in_the_bucket_under_their_hash(settings: Settings, tmp_path: Path) -> None:
    [row], rejects = read(settings, "yfcc", written(tmp_path / "yfcc100m_dataset-0.bz2", line()))
    assert rejects == []
    assert row["url"] == f"https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/012/345/{HASH}.jpg"
    assert (row["page_url"], row["licence"]) == ("http://www.flickr.com/photos/12@N01/4711/", BY)


def test_the_older_layout_and_rows_without_hash_are_fetched_from_flickr(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "yfcc.tsv", line(23), line(hash=""), line())
    flickr = ("http://farm1.staticflickr.com/1/4711_s.jpg", "A dog")
    candidates, rejects = read(settings, "yfcc", path)
    assert (pairs(candidates)[:2], len(candidates), rejects) == ([flickr, flickr], 3, [])
    assert pairs(read(settings, "yfcc", path, bucket=None)[0]) == [flickr] * 3


def test_a_caption_is_the_decoded_title_and_description(settings: Settings, tmp_path: Path) -> None:
    described = line(title="Café & dog", description='asleep <a href="http://x.org">here</a> 100% +1')
    candidates, _ = read(settings, "yfcc", written(tmp_path / "yfcc.tsv", described, line(title="", description="x")))
    assert [row["alt"] for row in candidates] == ["Café & dog asleep  here  100% +1", "x"]


def test_videos_and_what_is_no_row_of_it_are_rejects(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "yfcc.tsv", line(), line(marker="1"), line(title=""), line() + "\tmore", "x")
    candidates, rejects = read(settings, "yfcc", path)
    assert len(candidates) == 1
    assert faults(rejects) == [
        ("no_photo", "yfcc.tsv line 2: a video"),
        ("missing_alt", "yfcc.tsv line 3: no caption"),
        ("malformed_row", "yfcc.tsv line 4: 26 cells, expected 25"),
        ("malformed_row", "yfcc.tsv line 5: 1 cells, expected 25"),
    ]


def test_licences_that_forbid_commerce_or_derivatives_can_be_excluded(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "yfcc.tsv", *(line(licence=licence) for licence in (BY, NC, ND, "")))
    for terms, kept in ((["nc"], [BY, ND, None]), (["nd"], [BY, NC, None]), (["nc", "nd"], [BY, None]), ([], None)):
        candidates, rejects = read(settings, "yfcc", path, exclude_licences=terms)
        assert [row["licence"] for row in candidates] == (kept if kept is not None else [BY, NC, ND, None])
        assert {row["reason"] for row in rejects} == ({"licence_excluded"} if terms else set())
    assert faults(read(settings, "yfcc", path, exclude_licences=["nc"])[1])[0][1] == f"yfcc.tsv line 2: {NC}"
