"""Archives of Common Crawl as a source: every image with a text is a candidate or a reject, damage is named."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from support.archives import around, members, page, wat
from support.tables import rows

from tasks.crawl.config import Config
from tasks.crawl.sources import common_crawl
from tasks.crawl.stage import crawl
from tasks.engine.artifact import Artifact
from tasks.errors import SourceError
from tasks.settings import Settings

BY_NC = "https://creativecommons.org/licenses/by-nc/4.0/"
IMAGE_IN_WAT = {"Links": [{"path": "IMG@/src", "url": "wat.png", "alt": "a hen"}, {"path": "IMG@/src", "url": "b.png"}]}


def archive(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(members(*records)))
    return path


def source(path: Path | str, **options: Any) -> Config:
    return Config.model_validate([{"kind": "warc", "path": str(path), **options}])


def crawled(settings: Settings, path: Path, **options: Any) -> Artifact:
    artifact = crawl(source(path, **options), settings).artifact
    assert artifact.damage() == []
    assert list((settings.local_work / "temporary").iterdir()) == []
    return artifact


def urls(artifact: Artifact) -> list[str]:
    return [row["url"].rsplit("/", 1)[-1] for row in rows(artifact, "candidates")]


def numbered(count: int) -> list[bytes]:
    return [page(f"http://a.example/{n}", f"<img src={n}.png alt='number {n}'>") for n in range(count)]


@pytest.mark.parametrize("rows_at_once", [1, 2_000])
def test_images_of_an_archive_are_judged_as_those_of_a_live_site(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(common_crawl, "ROWS_AT_ONCE", rows_at_once)
    html = "<img src=a.png alt='a dog'><img src=b.png><img src=c.png alt=' '><img src='javascript:x' alt=x>"
    long = f"<img src=long.png alt={'x' * 10_001}>"
    path = archive(
        tmp_path / "a.warc.gz",
        *around("http://a.example/"),
        page("http://a.example/", html + long),
        page("http://a.example/again", "<img src=a.png alt='a dog'><img src=a.png alt='the same dog'>"),
        page("http://a.example/no", "<img src=d.png alt='a cow'>", "X-Robots-Tag: noai"),
        page("http://a.example/nc", f"<a rel=license href={BY_NC}></a><img src=e.png alt='a hen' data-split=test>"),
        page("http://a.example/gone", "<img src=f.png alt='a pig'>", status="404 Not Found"),
    )
    artifact = crawled(settings, path, licence="MIT", exclude_licences=["nc"])
    found = [(row["url"], row["alt"], row["page_url"], row["licence"]) for row in rows(artifact, "candidates")]
    assert found == [
        ("http://a.example/a.png", "a dog", "http://a.example/", "MIT"),
        ("http://a.example/a.png", "the same dog", "http://a.example/again", "MIT"),
    ]
    counts = artifact.manifest().counts
    reasons = {"alt_too_long": 1, "bad_url": 1, "duplicate": 1, "licence_excluded": 1, "opted_out": 1}
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (7, 2, reasons)
    assert {row["reason"]: row["detail"] for row in rows(artifact, "rejects")}["licence_excluded"] == BY_NC
    metrics = artifact.manifest().metrics
    assert (metrics["pages"], metrics["images_without_alt"], metrics["records_damaged"]) == (4, 2, 0)


def test_what_a_page_or_the_config_holds_out_is_held_out_also_by_a_duplicate(
    settings: Settings, tmp_path: Path
) -> None:
    html = "<img src=a.png alt=x><img src=a.png alt=x data-split=val><img src=a.png alt=x data-split=val>"
    path = archive(tmp_path / "a.warc.gz", page("http://a.example/", html))
    artifact = crawled(settings, path)
    assert [row["split"] for row in rows(artifact, "candidates")] == [None, "validation"]
    assert artifact.manifest().counts.rejected == {"duplicate": 1}
    held_out = crawled(settings, path, split="validation")
    assert [row["split"] for row in rows(held_out, "candidates")] == ["validation"]


def test_a_damaged_record_in_the_middle_is_lost_alone_and_named_in_the_rejects(
    settings: Settings, tmp_path: Path
) -> None:
    whole = members(*numbered(5))
    whole[2] = whole[2][:40] + b"xxxx" + whole[2][44:]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(whole))
    artifact = crawled(settings, tmp_path / "a.warc.gz")
    assert urls(artifact) == ["0.png", "1.png", "3.png", "4.png"]
    [reject] = rows(artifact, "rejects")
    assert (reject["reason"], reject["url"]) == ("damaged_record", "warc:///a.warc.gz")
    assert reject["detail"].startswith("a.warc.gz: ")
    assert f"byte {len(whole[0]) + len(whole[1])}" in reject["detail"]
    counts = artifact.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (5, 4, {"damaged_record": 1})
    assert artifact.manifest().metrics["records_damaged"] == 1


def test_a_list_names_archives_of_which_each_is_a_shard(settings: Settings, tmp_path: Path) -> None:
    archive(tmp_path / "b.warc.gz", *numbered(2))
    archive(tmp_path / "a.warc.wat.gz", wat("http://a.example/", IMAGE_IN_WAT))
    path = tmp_path / "warc.paths.gz"
    path.write_bytes(gzip.compress(b"b.warc.gz\na.warc.wat.gz\n"))
    artifact = crawled(settings, path)
    assert urls(artifact) == ["0.png", "1.png", "wat.png"]
    assert len(artifact.files("candidates")) == 2
    metrics = artifact.manifest().metrics
    assert (metrics["pages"], metrics["images_without_alt"]) == (3, 1)


def test_a_folder_is_read_archive_by_archive_whether_compressed_or_not(settings: Settings, tmp_path: Path) -> None:
    archive(tmp_path / "a.warc.wat.gz", wat("http://a.example/", IMAGE_IN_WAT))
    (tmp_path / "b.warc").write_bytes(b"".join(numbered(1)))
    (tmp_path / "notes.txt").write_text("no archive")
    assert urls(crawled(settings, tmp_path)) == ["wat.png", "0.png"]


def test_the_caption_of_a_figure_is_taken_where_it_is_wanted(settings: Settings, tmp_path: Path) -> None:
    html = "<figure><img src=a.png><figcaption>a dog in the rain</figcaption></figure><img src=b.png alt=x>"
    path = archive(tmp_path / "a.warc.gz", page("http://a.example/", html))
    assert urls(crawled(settings, path)) == ["b.png"]
    assert urls(crawled(settings, path, figcaption=True)) == ["a.png", "b.png"]


def test_no_more_pairs_are_remembered_than_memory_allows(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_crawl, "PAIRS_REMEMBERED", 1)
    artifact = crawled(settings, archive(tmp_path / "a.warc.gz", *numbered(2), *numbered(2)))
    assert urls(artifact) == ["0.png", "1.png", "1.png"]


def test_archives_count_by_their_content_and_those_of_common_crawl_by_their_paths(
    settings: Settings, tmp_path: Path
) -> None:
    one = archive(tmp_path / "a.warc.gz", *numbered(1))
    listed = tmp_path / "warc.paths"
    listed.write_text("a.warc.gz\n")
    before = crawl.artifact(source(one), settings)
    assert crawl.artifact(source(listed), settings) == before
    archive(one, *numbered(2))
    changed = crawl.artifact(source(listed), settings)
    assert changed != before
    listed.write_text("a.warc.gz\ncrawl-data/CC-MAIN-2026-04/a.warc.gz\n")
    both = crawl.artifact(source(listed), settings)
    listed.write_text("a.warc.gz\ncrawl-data/CC-MAIN-2026-08/a.warc.gz\n")
    assert len({changed, both, crawl.artifact(source(listed), settings)}) == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.warc.gz", b"<html>" * 100, r"a\.warc\.gz is damaged or no WARC \(no record can be read at byte 0\)"),
        ("a.warc.gz", b"", r"a\.warc\.gz holds no image with a text \(0 records, 0 pages, 0 images without\)"),
        ("warc.paths", b"\n", r"warc\.paths names no archive"),
        ("warc.paths", b"gone.warc.gz\n", r"gone\.warc\.gz does not exist"),
        ("warc.paths", b"https://u:secret@x/a.warc.gz\n", r"^https://x/a\.warc\.gz is neither a local path nor"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_sentence(
    settings: Settings, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=told):
        crawl(source(tmp_path / name), settings)
