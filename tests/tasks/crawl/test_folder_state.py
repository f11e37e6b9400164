"""A folder counts by the content of its pictures, captions and tables: not by its place, its times or other files."""

import os
import shutil

import pytest
from support.folders import pictures_in
from support.tables import rows
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.sources.folder import FolderSource, crawl_folder
from tasks.crawl.stage import crawl


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for number, name in enumerate(("dog.png", "cat.png")):
        (folder / name).write_bytes(picture(number))
    return folder


def rows_of(folder) -> tuple[list, list]:
    shard = crawl_folder(None, str(folder))
    return shard.tables["candidates"].to_pylist(), shard.rejects.to_pylist()


def address(folder, settings) -> str:
    return crawl.artifact(Config(sources=(FolderSource(path=str(folder)),)), settings).address


def test_a_changed_caption_or_picture_is_read_again_and_an_unchanged_folder_is_not(settings, folder):
    caption = folder / "dog.txt"
    caption.write_text("a dog in the garden")
    first = address(folder, settings)
    assert address(folder, settings) == first
    for file, content in ((caption, b"a cat in the garden"), (folder / "dog.png", picture(9))):
        before, status = address(folder, settings), file.stat()
        file.write_bytes(content)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # the same time: only the content differs
        assert address(folder, settings) != before


@pytest.mark.parametrize(
    "unrelated",
    ["Thumbs.db", ".DS_Store", "notes.md", "runs/crawl/0123/manifest.json", "runs/crawl/0123/candidates-00000.parquet",
     "runs/train_prior/01/metrics.jsonl", "runs/report/01/report.html", ".dalle/work/a/picture.png"],
)  # fmt: skip
def test_what_is_no_picture_caption_or_table_changes_nothing(settings, folder, unrelated):
    (folder / "dog.txt").write_text("a dog in the garden")
    before = address(folder, settings), rows_of(folder)
    pictures_in(folder, unrelated)
    assert (address(folder, settings), rows_of(folder)) == before


def test_pictures_that_were_drawn_into_the_folder_change_nothing(settings, folder):
    (folder / "dog.txt").write_text("a dog in the garden")
    before = address(folder, settings), rows_of(folder)
    pictures_in(folder, "generated/a-red-apple/00.png", "generated/a-red-apple/sheet.png")
    assert (address(folder, settings), rows_of(folder)) == before


def test_a_folder_that_is_touched_copied_moved_or_renamed_is_the_same(settings, folder, tmp_path, monkeypatch):
    (folder / "dog.txt").write_text("a dog in the garden")
    before = address(folder, settings)
    candidates = rows(crawl(Config(sources=(FolderSource(path=str(folder)),)), settings).artifact, "candidates")
    os.utime(folder / "dog.png", (1, 1))
    assert address(folder, settings) == before
    moved = shutil.move(folder, tmp_path / "elsewhere")
    assert address(moved, settings) == before
    assert crawl_folder(None, str(moved)).tables["candidates"].to_pylist() == candidates
    monkeypatch.chdir(moved)
    assert address(".", settings) == before
