"""img2dataset works in a child process: nothing of it reaches the parent, and what goes wrong there is said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.processes import children_running, ends
from support.web import dribble, picture, web_site

from tasks.errors import ChildFailedError
from tasks.fetch.config import Config
from tasks.fetch.fetched import CHILD, Fetched, fetch_rows

PROJECT = Path(__file__).parents[3]
LOCAL = Config(allow_private_hosts=True, timeout_s=60, deadline_s=60, retries=0)
FETCH_AGAIN_AND_AGAIN = """
import sys, tempfile
from tasks.fetch.config import Config
from tasks.fetch.fetched import fetch_rows
for _ in range(5):
    with tempfile.TemporaryDirectory() as folder:
        fetched = fetch_rows(Config(), sys.argv[1:], set(sys.argv[1:]), folder)
        assert [result.width for result in fetched] == [80, 400, None], fetched
print(*{"albumentations", "cv2", "fire", "img2dataset", "wandb", "webdataset"} & {*sys.modules})
"""
FETCH_SLOWLY = """
import sys
from tasks.fetch.config import Config
from tasks.fetch.fetched import fetch_rows
fetch_rows(Config(allow_private_hosts=True, deadline_s=600), sys.argv[1:2], set(), sys.argv[2])
"""


def test_a_process_that_has_fetched_holds_nothing_of_img2dataset_and_ends_in_silence(tmp_path):
    (tmp_path / "small.png").write_bytes(picture(1))
    (tmp_path / "large.png").write_bytes(picture(1, (400, 400)))
    urls = [(tmp_path / name).as_uri() for name in ("small.png", "large.png", "lost.png")]
    command = [sys.executable, "-c", FETCH_AGAIN_AND_AGAIN, *urls]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_a_download_ends_when_the_process_that_wants_it_is_killed(tmp_path):
    with web_site({"/slow.png": dribble}) as site:
        command = [sys.executable, "-c", FETCH_SLOWLY, f"{site}/slow.png", str(tmp_path)]
        with subprocess.Popen(command, cwd=PROJECT) as parent:
            while not (tmp_path / "00000.parquet").exists():  # img2dataset has begun
                assert parent.poll() is None
                time.sleep(0.02)
            (child,) = children_running(CHILD, parent.pid)
            os.kill(parent.pid, signal.SIGKILL)
            assert ends(child)


def test_a_downloader_that_dies_is_one_sentence(tmp_path):
    def kill_the_visitor(_):
        for child in children_running(CHILD):
            child.kill()

    with (
        web_site({"/deadly.png": kill_the_visitor}) as site,
        pytest.raises(ChildFailedError, match=r"^The download of 2 images ended early \(.*; killed by SIGKILL\)\.$"),
    ):
        fetch_rows(LOCAL, [f"{site}/deadly.png", f"{site}/other.png"], set(), str(tmp_path))


def test_a_fetch_after_one_that_died_works(tmp_path):
    image = (tmp_path / "a.png").as_uri()
    (tmp_path / "a.png").write_bytes(picture(1))
    with pytest.raises(ChildFailedError, match=r"ended early .*No such file"):
        fetch_rows(LOCAL, [image], {image}, str(tmp_path / "nowhere"))
    (row,) = fetch_rows(LOCAL, [image], {image}, str(tmp_path))
    assert (row.width, row.refusal) == (80, None)


def test_urls_are_told_apart_by_their_place_and_not_by_their_text(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(1))
    image, lost = (tmp_path / "a.png").as_uri(), (tmp_path / "lost.png").as_uri()
    first, second, third = fetch_rows(LOCAL, [image, lost, image], {image, lost}, str(tmp_path))
    assert first == third
    assert (first.width, second) == (80, Fetched(refusal=("unreachable", "No such file or directory")))


def test_a_limit_on_pixels_holds_for_the_fetch_it_was_set_for(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(1, (100, 100)))
    image = (tmp_path / "a.png").as_uri()

    def refusal(pixels: int) -> tuple[str, str] | None:
        (tmp_path / str(pixels)).mkdir()
        config = LOCAL.model_copy(update={"max_pixels": pixels})
        return fetch_rows(config, [image], {image}, str(tmp_path / str(pixels)))[0].refusal

    assert refusal(9_999) == ("too_large", "100x100 pixels")
    assert refusal(10_000) is None


def test_what_is_no_url_is_refused(tmp_path):
    (row,) = fetch_rows(LOCAL, ["http://[no-host/a.png"], set(), str(tmp_path))
    assert row.refusal == ("bad_url", "Invalid IPv6 URL")


def test_an_error_nobody_thought_of_ends_the_fetch(tmp_path):
    odd = "file:///a%00b.png"
    with pytest.raises(ChildFailedError, match=r"ended early \(ValueError: embedded null byte; exit status 1\)"):
        fetch_rows(LOCAL, [odd] * 100, {odd}, str(tmp_path))
