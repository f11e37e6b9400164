"""The texts that an operator reads: pages in the UI, lines in the terminal, trees of lineage, rows of status."""

import base64
import html
import io
import random
import re
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from support.finished_run import FinishedRun, accounted, finished_run
from support.mutations import mutated
from support.shown_pictures import pictures
from support.tables import artifact
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from flows.cli import console, lineage, status
from flows.pages.markdown import cell, thumbnail
from flows.pages.run_page import run_page
from flows.pages.stage_page import account, page
from flows.run import DirectRun
from models.training.images import decode
from tasks.engine import meter, storage
from tasks.engine.artifact import Artifact
from tasks.engine.lock import only_writer
from tasks.errors import ConfigError, DamagedArtifactError
from tasks.settings import Settings


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("finished")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


@pytest.fixture
def even(settings: Settings) -> Artifact:
    run = DirectRun(settings)
    return run(keep_even, KeepEvenConfig(), rows=run(numbers, NumbersConfig()))


def page_of(run: FinishedRun, stage: str, reused: bool = False) -> str:
    artifact = run.artifacts[stage]
    return page(artifact, artifact.manifest(), reused)


def test_a_page_shows_every_reason_with_its_count_and_an_example(finished: FinishedRun) -> None:
    text = page_of(finished, "screen_captions")
    assert re.search(r"\| `too_short` \| 3 \| .*\| ok \*2 characters\*", text)
    assert re.search(r"\| `not_english` \| 3 \| .*\| ein roter Apfel \*de 0.98\*", text)


def test_a_page_shows_small_pictures_of_what_the_stage_made(finished: FinishedRun) -> None:
    for stage in ("fetch", "pack", "sample", "rerank"):
        text = page_of(finished, stage)
        assert text.count('<img src="data:image/jpeg;base64,') >= 12
        assert len(text) < 150_000


def test_the_line_about_a_funnel_says_what_was_found_and_packed(finished: FinishedRun) -> None:
    assert account(accounted(finished).manifest(), reused=False).startswith("found 44, packed 30; made in ")


def test_the_page_of_the_funnel_says_what_each_stage_kept_and_why_it_refused(finished: FinishedRun) -> None:
    made = accounted(finished)
    text = page(made, made.manifest(), reused=False)
    assert re.search(r"\| `screen_captions` \| 44 rows \| = 37 \| \+ 7 \| 84% \| `not_english` 3, `too_short` 3", text)
    assert re.search(r"\| `http_404` \| `fetch` \| 2 \| 5% \| a lost picture \*404\*", text)
    assert re.search(r"\| 127\.0\.0\.1 \| 37 \| 2 \| 5% \| `http_404` 2 \|", text)
    assert re.search(r"\| fluent-emoji-3d \| MIT \| 44 \| 30 \|", text)
    assert re.search(r"\| `aspect_ratio` .*<img src=\"data:image/jpeg", text)


def test_a_picture_whose_bytes_were_changed_is_not_shown_as_what_was_stored(settings: Settings) -> None:
    made = artifact("images", settings, [{"image": random.Random(1).randbytes(10_000)}])
    (uri,) = made.files("images")
    data = bytearray(storage.read_bytes(uri))
    data[len(data) // 2] ^= 1
    storage.write_bytes(uri, bytes(data))
    with pytest.raises(DamagedArtifactError, match=r"images-00000\.parquet is missing or damaged"):
        page(made, made.manifest(), reused=False)


def test_a_rejected_image_is_shown_beside_its_reason(finished: FinishedRun) -> None:
    row = next(line for line in page_of(finished, "screen_images").splitlines() if "aspect_ratio" in line)
    assert '<img src="data:image/jpeg' in row
    assert "a very wide banner" in row


def test_any_bytes_are_a_thumbnail_as_a_browser_shows_it_or_none() -> None:
    """A reject may hold any bytes."""
    chance, files = random.Random(3), list(pictures().values())
    shown = [thumbnail(mutated(chance.choice(files), chance), "damaged") for _ in range(200)]
    assert 0 < shown.count("") < 200
    encoded = base64.b64decode(thumbnail(pictures()["png_16_bit_rgba"], "whole").split(",")[1].split('"')[0])
    assert np.abs(decode(encoded).astype(int) - decode(pictures()["png_16_bit_rgba"])).mean() < 12


def test_a_page_says_where_the_artifact_is_and_whether_it_was_reused(finished: FinishedRun) -> None:
    assert finished.artifacts["pack"].uri in page_of(finished, "pack")
    assert "Reused. It was made" in page_of(finished, "pack", reused=True)


def test_a_caption_cannot_break_a_page() -> None:
    assert cell("a | b <script>\n*c* `d`", 80) == "a \\| b &lt;script&gt; \\*c\\* \\`d\\`"
    assert cell("x" * 90, 80) == "x" * 79 + "…"


@pytest.mark.parametrize("address", ["http://evil.example/a", "WWW.evil.example/a?b&c", "me@evil.example", "ftp://a_b"])
def test_an_address_that_was_crawled_is_read_as_it_is_and_is_no_link(address: str) -> None:
    """In the two dialects that show it: CommonMark, and that of Prefect's pages, which know five named characters."""
    written = cell(address, 80)
    assert not re.search(r"(ftp|https?)://|www\.|[\w.+-]@", written, re.IGNORECASE)  # what a renderer makes links of
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(f"| a |\n|---|\n| {written} |")
    assert html.unescape(re.sub(r"<[^>]+>", "", rendered)).split()[1] == address
    assert re.sub(r"\\(\W|_)", r"\1", written).replace("&amp;", "&") == address


def test_the_page_of_a_run_has_a_row_for_every_stage_behind_it(finished: FinishedRun) -> None:
    text = run_page(finished.artifacts["rerank"])
    assert all(f"| `{stage}` |" in text for stage in finished.artifacts)


def test_the_line_of_a_stage_says_rows_the_commonest_reason_and_figures(even: Artifact) -> None:
    manifest = even.manifest().model_copy(update={"metrics": {"psnr_db": 21.5, "codes": {"used": 200}}})
    text = console.line(manifest, (), reused=False, seconds=1.5)
    assert text.split(maxsplit=1)[0] == "keep_even"
    assert "made" in text
    assert "30 → 15 rows, 15 rejected; most: odd 15; psnr_db 21.5, codes.used 200" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (12, "12 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_are_written_with_units(seconds: float, text: str) -> None:
    assert meter.duration(seconds) == text


def test_the_tree_goes_back_to_the_first_stage_and_expands_nothing_twice(finished: FinishedRun) -> None:
    capture = Console(width=200, record=True, file=io.StringIO())
    capture.print(lineage.drawing(lineage.tree(finished.artifacts["rerank"])))
    drawn = capture.export_text().splitlines()
    assert drawn[0].startswith("rerank/")
    assert sum("crawl/" in line for line in drawn) == 1
    assert any("(see above)" in line for line in drawn)


def test_a_stage_or_an_address_names_an_artifact_and_a_wrong_name_lists_the_right_ones(even: Artifact) -> None:
    assert lineage.chosen([even], even.root, None) == even
    assert lineage.chosen([even], even.root, "keep_even") == even
    assert lineage.chosen([], even.root, even.address) == even
    with pytest.raises(ConfigError, match="no stage 'keep_odd'; there are: keep_even"):
        lineage.chosen([even], even.root, "keep_odd")
    with pytest.raises(ConfigError, match="not made yet"):
        lineage.chosen([even], even.root, "keep_even/0123")


def only(artifact: Artifact, settings: Settings, verify: bool = False) -> status.StageStatus:
    [row] = status.status([artifact], settings, verify)
    return row


def test_status_knows_finished_from_absent_partial_and_busy(settings: Settings, even: Artifact) -> None:
    row = only(even, settings)
    assert (row.state, row.rows_in, row.rows_out, row.rejected) == ("finished", 30, 15, 15)
    absent = numbers.artifact(NumbersConfig(shards=9), settings)
    assert only(absent, settings).state == "absent"
    storage.write_bytes(absent.file("shards/00000.json"), b"{}")
    assert (only(absent, settings).state, only(absent, settings).note) == ("partial", "1 shard done")
    with only_writer(f"{absent.uri}.lock"):
        assert only(absent, settings).state == "busy"


def test_a_changed_file_is_found_by_size_or_when_verified_by_digest(settings: Settings, even: Artifact) -> None:
    file = Path(even.files("numbers")[0])
    data = bytearray(file.read_bytes())
    data[10] ^= 1
    file.write_bytes(bytes(data))
    assert only(even, settings).state == "finished"
    row = only(even, settings, verify=True)
    assert row.state == "damaged"
    assert f"{even.address}/{file.name}" in row.note
    file.write_bytes(b"short")
    assert only(even, settings).state == "damaged"
