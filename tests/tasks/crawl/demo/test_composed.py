"""The demo site with compositions: every picture with all its captions and its split, and none lost to a filter."""

import io
import re
from collections import defaultdict
from html import unescape

import pytest
from PIL import Image
from support.tables import artifact, rows
from support.web import free_port

from tasks.compositions.config import CompositionsConfig
from tasks.compositions.corpus import Corpus
from tasks.crawl.config import Config
from tasks.crawl.demo.pages import site
from tasks.crawl.stage import crawl
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_shard
from tasks.settings import Settings

COMPOSITIONS = CompositionsConfig(things=12, unseen_things=2, pairs=60, per_count=1)
IMAGE = re.compile(r'<img src="(/[^"]+)" alt="([^"]*)" data-split="(\w+)"')


@pytest.fixture(scope="module")
def corpus():
    """What the site of this module shows."""
    return Corpus(COMPOSITIONS, Config().archive_path)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """The site, crawled once for this module."""
    root = tmp_path_factory.mktemp("composed")
    settings = Settings(root=str(root / "runs"), work_dir=str(root / "work"), dask_workers=0)
    return crawl(Config(port=free_port(), compositions=COMPOSITIONS), settings).artifact


def stated() -> dict[str, set[tuple[str, str]]]:
    """Alt text and split of every image that states a split, by its path, over all pages."""
    found = defaultdict(set)
    for resource in site(Config().archive_path, COMPOSITIONS).values():
        if resource.content_type.startswith("text/html"):
            for path, alt, split in IMAGE.findall(resource.body.decode()):
                found[path].add((unescape(alt), split))
    return found


def test_every_picture_states_its_split_with_all_its_captions(corpus):
    found = stated()
    for composition in corpus.compositions:
        shown = found[f"/images/{composition.name}.jpg"]
        assert {split for _, split in shown} == {composition.split}
        assert len(shown) == len(composition.captions) == 3


def test_a_copy_of_a_picture_states_the_split_of_the_picture(corpus):
    splits = {caption: c.split for c in corpus.compositions for caption in c.captions if c.split == "validation"}
    copies = {path: shown for path, shown in stated().items() if path.startswith(("/mirror/", "/copies/"))}
    assert len(copies) >= 40
    assert {split for shown in copies.values() for _, split in shown} == {"train", "validation"}
    for shown in copies.values():
        assert all(splits.get(alt, "train") == split for alt, split in shown)


def test_every_caption_of_every_picture_passes_the_screening_as_it_was_written(corpus, crawled):
    (shard,) = crawled.files("candidates")
    kept = defaultdict(set)
    for row in screen_shard(CaptionsConfig(), shard).tables["captions"].to_pylist():
        kept[row["url"].partition("/images/")[2]].add(row["caption"])
    assert all(kept[f"{composition.name}.jpg"] == set(composition.captions) for composition in corpus.compositions)


def test_some_captions_are_damaged_on_the_site(crawled):
    alts = [row["alt"] for row in rows(crawled, "candidates")]
    assert sum("\u00c2\u00a0" in alt for alt in alts) > 5
    assert sum("&amp;nbsp;" in alt for alt in alts) > 5


def test_the_faults_are_those_of_the_site_with_the_emoji_alone(crawled):
    counts = crawled.manifest().counts
    assert set(counts.rejected) == {"bad_url", "duplicate", "missing_alt", "private_host", "robots_disallowed"}


@pytest.mark.slow
def test_no_picture_counts_as_a_duplicate_of_another(settings):
    """Of the whole default corpus: another colour of the ground, size, count or pattern is another picture."""
    corpus = Corpus(CompositionsConfig(), Config().archive_path)
    pictures = [{"url": f"https://a/{each.number}", "image": corpus.picture(each)} for each in corpus.compositions]
    counts = dedup(DedupConfig(), settings, images=artifact("images", settings, pictures)).artifact.manifest().counts
    assert (counts.rows_out, counts.rejected) == (len(pictures), {})


def test_the_pictures_are_as_large_as_crops_for_training_at_96_px_need(corpus):
    body = site(Config().archive_path, COMPOSITIONS)[f"/images/{corpus.compositions[0].name}.jpg"].body
    assert Image.open(io.BytesIO(body)).size == (144, 144)


def test_what_is_not_used_does_not_count():
    other = CompositionsConfig(seed=1)
    assert Config().fingerprinted() != Config(compositions=other).fingerprinted()
    for same in ({"corpus": "emoji"}, {"sources": ("/photos",)}, {"sources": ("https://example.com",)}):
        assert Config(**same).fingerprinted() == Config(**same, compositions=other).fingerprinted()
    folder = Config(sources=("/photos",))
    assert folder.fingerprinted() == Config(sources=("/photos",), corpus="emoji", port=9999).fingerprinted()
    assert Config().fingerprinted() != Config(corpus="emoji").fingerprinted()


def test_another_config_gives_another_site_in_the_same_process():
    archive = Config().archive_path
    assert site(archive, COMPOSITIONS) != site(archive, CompositionsConfig(**COMPOSITIONS.model_dump() | {"seed": 1}))
    assert any(path.startswith("/images/1f34e") for path in site(archive))
