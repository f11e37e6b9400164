"""What is taken down is left out of the packed pairs with its captions and copies, and nothing else is."""

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from support.tables import artifact, rows
from support.web import picture

from tasks import schemas
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.errors import SourceError
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.takedown.stage import Config, match_takedowns
from tasks.takedown.takedowns import takedown_of

SITE = "https://www.site.example"
COPY = "https://copies.example/other-name.png"


def pair(number: int, **more: object) -> dict:
    url = f"{SITE}/{number}.png"
    return {"url": url, "image": picture(number, (64, 64)), "caption": f"picture number {number}", "split": None} | more


@pytest.fixture
def screened(settings: Settings) -> Artifact:
    """Twelve pictures in two shards; the first with a second caption, and a copy, larger than it, elsewhere."""
    second = pair(0, caption="the first picture once more", page_url="https://blog.example/post")
    copy = pair(0, url=COPY, width=200, height=200)
    return artifact("images", settings, [*map(pair, range(6)), copy], [second, *map(pair, range(6, 12))])


def left_out(settings: Settings, screened: Artifact, *named: str) -> tuple[Config, Artifact, Artifact]:
    """The config, what matches, and the unique pairs."""
    unique = dedup(DedupConfig(), settings, images=screened).artifact
    config = Config(takedowns=tuple(map(takedown_of, named)))
    return config, match_takedowns(config, settings, screened=screened, unique=unique).artifact, unique


def packed_urls(settings: Settings, unique: Artifact, takedowns: Artifact | None) -> tuple[set[str], Artifact]:
    inputs = {} if takedowns is None else {"takedowns": takedowns}
    packed = pack(PackConfig(val_fraction=0.3, pairs_per_shard=1), settings, images=unique, **inputs).artifact
    return {row["url"] for split in ("train", "val") for row in rows(packed, split)}, packed


@pytest.mark.parametrize(
    ("named", "gone"),
    [
        (f"{SITE}/7.png", {7}),
        (f"http://WWW.site.example:80/{7}.png#x", {7}),
        (hashlib.sha256(picture(8, (64, 64))).hexdigest(), {8}),
        ("https://elsewhere.example/7.png", set()),
    ],
)
def test_a_picture_that_is_taken_down_is_a_reject_and_all_others_are_packed(
    settings: Settings, screened: Artifact, named: str, gone: set[int]
) -> None:
    _, found, unique = left_out(settings, screened, named)
    before, _ = packed_urls(settings, unique, None)
    after, packed = packed_urls(settings, unique, found)
    assert before - after == {f"{SITE}/{number}.png" for number in gone}
    assert after < before or not gone
    rejects = rows(packed, "rejects")
    assert [(row["url"], row["reason"]) for row in rejects] == [(f"{SITE}/{n}.png", "taken_down") for n in gone]
    assert all(row["detail"] == str(takedown_of(named)) for row in rejects)
    assert all((row["image"], row["caption"]) == (None, None) for row in rejects)
    counts = packed.manifest().counts
    assert (counts.rows_in, counts.rejected) == (12, {"taken_down": len(gone)} if gone else {})


@pytest.mark.parametrize(
    "named", [COPY, "copies.example", f"{SITE}/0.png", "blog.example", "https://blog.example/post"]
)
def test_with_a_picture_goes_the_copy_that_was_kept_in_its_place_whichever_is_named(
    settings: Settings, screened: Artifact, named: str
) -> None:
    _, found, unique = left_out(settings, screened, named)
    before, _ = packed_urls(settings, unique, None)
    after, _ = packed_urls(settings, unique, found)
    assert before - after == {COPY}
    assert not after & {COPY, f"{SITE}/0.png"}


def test_all_captions_of_a_picture_go_with_it(settings: Settings) -> None:
    captions = [pair(0, caption=f"caption number {number}") for number in range(3)]
    captions[1]["page_url"] = "https://blog.example/post"
    screened = artifact("images", settings, [captions[0], pair(1)], [captions[1], captions[2], pair(2), pair(3)])
    _, found, unique = left_out(settings, screened, "blog.example")
    after, packed = packed_urls(settings, unique, found)
    assert after == {f"{SITE}/{number}.png" for number in (1, 2, 3)}
    assert packed.manifest().counts.rejected == {"taken_down": 3}


def test_a_whole_domain_leaves_the_others(settings: Settings) -> None:
    other = [pair(number, url=f"https://other.example/{number}.png") for number in range(20, 24)]
    screened = artifact("images", settings, other, [pair(number) for number in range(5)])
    _, found, unique = left_out(settings, screened, "site.example")
    after, _ = packed_urls(settings, unique, found)
    assert after == {row["url"] for row in other}
    assert found.manifest().metrics == {"domain site.example": 5}


def test_a_takedown_that_leaves_out_nothing_of_its_own_is_not_needed(settings: Settings, screened: Artifact) -> None:
    first, second = f"{SITE}/7.png", f"{SITE}/8.png"
    config, found, _ = left_out(settings, screened, "nowhere.example", first, second, f"{first}#again")
    needed = Config(takedowns=(takedown_of(first), takedown_of(second)))
    assert config.needed(found) == needed
    _, again, _ = left_out(settings, screened, first, second)
    assert needed.needed(again) == needed
    assert rows(again, "taken_down") == rows(found, "taken_down")


def test_images_are_read_for_digests_alone(
    settings: Settings, screened: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    unique = dedup(DedupConfig(), settings, images=screened).artifact
    columns_read: set[str] = set()
    read_batches = schemas.read_batches

    def watched(uri: str, columns: list[str], rows: int) -> Iterator[pa.Table]:
        columns_read.update(columns)
        return read_batches(uri, columns, rows)

    monkeypatch.setattr(schemas, "read_batches", watched)
    for named in ("site.example", "ab" * 32):
        config = Config(takedowns=(takedown_of(named),))
        match_takedowns(config, settings, screened=screened, unique=unique)
        assert ("image" in columns_read) == (named == "ab" * 32)


def test_without_the_pictures_that_are_left_the_error_is_one_sentence(settings: Settings, screened: Artifact) -> None:
    _, found, unique = left_out(settings, screened, "site.example", COPY)
    with pytest.raises(SourceError, match="No image is left of the source"):
        packed_urls(settings, unique, found)


def test_neither_set_is_empty_where_the_only_held_out_picture_is_taken_down(settings: Settings) -> None:
    screened = artifact(
        "images", settings, [pair(n, split="train") for n in range(4)], [pair(4, split="validation"), pair(5)]
    )
    _, found, unique = left_out(settings, screened, f"{SITE}/4.png")
    after, packed = packed_urls(settings, unique, found)
    assert after == {f"{SITE}/{number}.png" for number in (0, 1, 2, 3, 5)}
    assert min(packed.manifest().metrics.values()) >= 1


@pytest.mark.end_to_end
def test_the_comparison_is_the_same_on_workers(settings: Settings, screened: Artifact, tmp_path: Path) -> None:
    _, alone, _ = left_out(settings, screened, COPY, f"{SITE}/7.png")
    workers = settings.model_copy(update={"root": str(tmp_path / "other"), "dask_workers": 1})
    unique = dedup(DedupConfig(), settings, images=screened).artifact
    config = Config(takedowns=(takedown_of(COPY), takedown_of(f"{SITE}/7.png")))
    found = match_takedowns(config, workers, screened=screened, unique=unique).artifact
    assert found.manifest().outputs == alone.manifest().outputs


def test_what_is_handed_to_each_task_does_not_grow_with_what_is_taken_down(
    settings: Settings, screened: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def measured(work: object, *arguments: object) -> list:
        sizes.append(len(pickle.dumps(work)))
        return map_shards(work, *arguments)

    monkeypatch.setattr("tasks.takedown.stage.map_shards", measured)
    found = [left_out(settings, screened, *named)[1] for named in ((f"{SITE}/0.png",), ("www.site.example",))]
    assert [artifact.manifest().counts.rows_in for artifact in found] == [1, 12]
    assert sizes[0] == sizes[2]
