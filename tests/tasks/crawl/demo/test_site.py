"""The demo site with the emoji alone: clean pairs to train on, and faulty items for every filter."""

import urllib.error
import urllib.request
from collections import Counter

import pyarrow as pa
import pytest
from support.folders import pictures_in
from support.tables import rows
from support.web import free_port

from tasks import schemas
from tasks.crawl.config import Config
from tasks.crawl.demo.captions import noun_phrase
from tasks.crawl.demo.pages import site
from tasks.crawl.demo.site import demo_site
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.stage import crawl
from tasks.engine import code
from tasks.errors import PortInUseError, SourceError
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_shard


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """The demo site, crawled once for this module."""
    from tasks.settings import Settings

    root = tmp_path_factory.mktemp("demo")
    settings = Settings(root=str(root / "runs"), work_dir=str(root / "work"), dask_workers=0)
    return crawl(Config(port=free_port(), corpus="emoji"), settings).artifact


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        body: bytes = response.read()
    return body


def test_the_site_answers_while_it_is_served_and_not_after():
    port = free_port()
    with demo_site(Config().archive_path, port):
        assert b"Food &amp; Drink" in get(f"http://127.0.0.1:{port}/")
        assert get(f"http://127.0.0.1:{port}/images/1f34e.webp").startswith(b"RIFF")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"http://127.0.0.1:{port}/nothing-here")
    with pytest.raises(urllib.error.URLError):
        get(f"http://127.0.0.1:{port}/")


def test_a_taken_port_is_an_error_with_the_remedy():
    port = free_port()
    with (
        demo_site(Config().archive_path, port),
        pytest.raises(PortInUseError, match=rf"Port {port} .*--set source\.port={port + 1}"),
        demo_site(Config().archive_path, port),
    ):
        pass


def test_a_missing_archive_is_an_error():
    with pytest.raises(SourceError, match="is not there: get the whole repository"):
        Config(archive="data/nothing.zip").outside_state()


def test_the_same_archive_gives_the_same_site():
    archive = Config().archive_path
    assert site.__wrapped__(archive) == site(archive)


def test_the_corpus_is_another_when_the_code_that_makes_it_is(monkeypatch, tmp_path):
    before = Config().outside_state()
    assert Config().outside_state() == before
    made_by = {path.name for path in code._reached(code.REPOSITORY / "tasks/crawl/demo/pages.py", code.REPOSITORY)}
    drawn_by = {"config.py", "corpus.py", "grounds.py", "pool.py", "rendering.py", "scene.py", "wording.py"}
    assert made_by == {"pages.py", "captions.py", "composed.py", "dirt.py", "errors.py"} | drawn_by
    monkeypatch.setattr(code, "digest", lambda module: "of other captions")
    assert Config().outside_state() != before
    folder = pictures_in(tmp_path, "dog.png")
    changed = Config(sources=(FolderSource(path=str(folder)),)).outside_state()
    monkeypatch.undo()
    assert Config(sources=(FolderSource(path=str(folder)),)).outside_state() == changed


def test_the_crawl_rejects_something_for_every_reason(crawled):
    counts = crawled.manifest().counts
    assert 1200 <= counts.rows_in <= 1500
    assert set(counts.rejected) == {"bad_url", "duplicate", "missing_alt", "private_host", "robots_disallowed"}
    assert crawled.manifest().metrics["pages_disallowed"] == 1


def test_every_clean_image_is_a_candidate_with_a_caption_of_its_own_that_passes(crawled):
    (shard,) = crawled.files("candidates")
    captions = screen_shard(CaptionsConfig(), shard).tables["captions"].to_pylist()
    clean = [row for row in captions if "/images/" in row["url"]]
    assert len(clean) == len({row["caption"] for row in clean}) == 712
    assert all(row["licence"] == "https://opensource.org/license/mit" for row in clean)


def test_bad_alt_texts_are_rejected_for_the_right_reason(crawled):
    (shard,) = crawled.files("candidates")
    rejects = screen_shard(CaptionsConfig(), shard).rejects.to_pylist()
    found = Counter((row["url"].split("/")[3], row["reason"]) for row in rejects)
    expected = {("boilerplate", "boilerplate"): 70, ("foreign", "not_english"): 60, ("short", "too_short"): 40,
                ("seo", "too_long"): 5}  # fmt: skip
    assert found & Counter(expected) == Counter(expected)
    assert found.total() - sum(expected.values()) <= 3


def test_damaged_captions_are_repaired(crawled):
    (shard,) = crawled.files("candidates")
    alts = {row["alt"] for row in rows(crawled, "candidates")}
    captions = screen_shard(CaptionsConfig(), shard).tables["captions"]["caption"].to_pylist()
    assert sum("â€”" in alt for alt in alts) > 5
    assert sum("&amp;" in alt for alt in alts) > 5
    assert not any("â€”" in caption or "&amp;" in caption for caption in captions)


def test_a_second_crawl_gives_the_same_bytes(crawled, settings):
    config = Config.model_validate(crawled.manifest().config)
    assert crawl(config, settings).artifact.manifest().outputs == crawled.manifest().outputs


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("red apple", "a red apple"), ("octopus", "an octopus"), ("grapes", "grapes"), ("cooked rice", "cooked rice"),
        ("glass of milk", "a glass of milk"), ("compass", "a compass"), ("milky way", "the milky way"),
        ("mount fuji", "mount fuji"), ("money with wings", "money with wings"), ("unicorn face", "a unicorn face"),
        ("ear of rice", "an ear of rice"), ("rice ball", "a rice ball"),
    ],
)  # fmt: skip
def test_names_get_the_article_they_need(name, phrase):
    assert noun_phrase(name) == phrase


def test_candidates_have_the_promised_columns(crawled):
    (shard,) = crawled.files("candidates")
    assert schemas.read_table(shard).schema.equals(schemas.CANDIDATES, check_metadata=False)
    assert pa.types.is_string(schemas.CANDIDATES.field("alt").type)
