"""The `source` section: a list of sources of several kinds, which may be written short."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from support.folders import pictures_in
from support.tables import rows

from flows import recipes
from flows.changes import assigned, changed, differences
from flows.config import PipelineConfig
from tasks.crawl.config import Config
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.sources.site import SiteSource
from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.crawl.stage import crawl
from tasks.errors import ConfigError
from tasks.settings import Settings

FOLDER = FolderSource(path="/photos")
SITE = SiteSource(address="https://example.org/")


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("source=/photos", (FOLDER,)),
        ("source=https://example.org/", (SITE,)),
        ("source=s3://bucket/set/*.tar", (WebDatasetSource(path="s3://bucket/set/*.tar"),)),
        ('source=["/photos", "https://example.org/"]', (FOLDER, SITE)),
        ('source=[{"kind": "folder", "path": "/photos"}]', (FOLDER,)),
        ("source.sources=/photos", (FOLDER,)),
        ('source={"sources": ["/photos"], "snapshot": "x"}', (FOLDER,)),
        ("source=[]", ()),
    ],
)
def test_a_source_is_written_as_short_as_it_is(text: str, sources: tuple[Any, ...]) -> None:
    assert assigned(PipelineConfig(), [text]).source.sources == sources


def test_the_section_of_a_file_is_a_list_of_sources() -> None:
    section = yaml.safe_load("source:\n- {kind: folder, path: /photos, encoding: cp1252}\n- https://example.org/\n")
    sources = changed(PipelineConfig(), section).source.sources
    assert sources == (FolderSource(path="/photos", encoding="cp1252"), SITE)
    assert PipelineConfig.model_validate(section).source.sources == sources


def test_other_settings_of_the_section_stay_when_its_sources_are_given() -> None:
    both = ["source.snapshot=first", "source=/photos"]
    assert assigned(recipes.demo(), both) == assigned(recipes.demo(), both[::-1])
    found = differences(recipes.demo(), assigned(recipes.demo(), both))
    assert found == {"source": {"snapshot": "first", "sources": [FOLDER.model_dump()]}}
    assert changed(recipes.demo(), found).source.sources == (FOLDER,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"kind": "folders", "path": "/p"}]', "there is no kind of source 'folders': there are folder, site"),
        (
            '["/p", {"kind": "site", "adress": "x"}]',
            "the kind site has no 'adress': did you mean 'address'?",
        ),
        ('[{"path": "/p"}]', "a source is a folder, an address, or a mapping with a kind: folder, site"),
        ("2026", "a source is a folder, an address, or a mapping with a kind: folder, site"),
        ("s3://bucket/photos", "'s3://bucket/photos' is no folder of this machine"),
        ('""', "is empty: name a folder"),
        ('["https://example.org/", "https://example.org/"]', "https://example.org/ is named twice"),
    ],
)
def test_what_is_no_source_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assigned(PipelineConfig(), [f"source={text}"])
    assert str(caught.value).startswith("source.sources")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_setting_of_a_source_is_named() -> None:
    with pytest.raises(ValidationError, match=r"sources\.0\.folder\.path\n  Field required"):
        Config.model_validate([{"kind": "folder"}])


def test_pictures_of_the_same_name_in_two_folders_are_two_pictures(settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pictures_in(tmp_path / name, "dog.png")
        (tmp_path / name / "dog.txt").write_text("a dog in the garden")
    config = Config.model_validate([str(tmp_path / "one"), str(tmp_path / "two")])
    found = [(row["source"], row["url"]) for row in rows(crawl(config, settings).artifact, "candidates")]
    assert found == [("folder", "folder:///dog.png"), ("folder-2", "folder://folder-2/dog.png")]


def test_the_order_and_the_settings_of_sources_count_but_not_where_a_folder_lies() -> None:
    there = Config.model_validate(["/a", "https://example.org/"])
    assert there.fingerprinted() == Config.model_validate(["/b", "https://example.org/"]).fingerprinted()
    assert there.fingerprinted() != Config.model_validate(["https://example.org/", "/a"]).fingerprinted()
    licensed = [{"kind": "folder", "path": "/a", "licence": "MIT"}, "https://example.org/"]
    assert there.fingerprinted() != Config.model_validate(licensed).fingerprinted()
