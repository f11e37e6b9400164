"""The transformation in its stage: what is kept, what is rejected, what is counted, and over how many shards."""

import pytest
from support.tables import artifact, rows

from tasks.engine import storage
from tasks.screen_captions.config import Config
from tasks.screen_captions.stage import judged, screen_captions
from tasks.screen_captions.transform import shards
from tasks.screen_captions.transform.config import TransformConfig

ALTS = (
    ["A brown dog in Paris on May 5, 2019", "Two dogs in the snow", "Mary and a tree in the snow", "cat"],
    [
        "Peter and his dog near the tree",
        "A quail in the snow by the tree",
        "A dog beside a Xyzzyq",
        "Peter in Paris, 2012",
    ],
)


def screened(settings, wordnet, alts=ALTS, least=2):
    config = Config(transform=TransformConfig(wordnet=wordnet, min_concept_captions=least))
    source = artifact("candidates", settings, *([{"alt": alt} for alt in shard] for shard in alts))
    return screen_captions(config, settings, candidates=source).artifact


def test_every_row_is_kept_with_the_caption_before_or_rejected_with_a_reason(settings, small_wordnet):
    result = screened(settings, small_wordnet)
    assert {row["caption_before"]: row["caption"] for row in rows(result, "captions")} == {
        "A brown dog in Paris on May 5, 2019": "a brown dog",
        "Two dogs in the snow": "dogs in the snow",
        "Mary and a tree in the snow": "person and a tree in the snow",
        "Peter and his dog near the tree": "person and his dog near the tree",
    }
    assert {row["caption"]: (row["reason"], row["detail"]) for row in rows(result, "rejects")} == {
        "cat": ("too_short", "3 characters"),
        "A quail in the snow by the tree": ("rare_concept", "quail"),
        "A dog beside a Xyzzyq": ("unknown_name", "Xyzzyq"),
        "Peter in Paris, 2012": ("little_left", "left: person"),
    }
    assert result.manifest().counts.rows_in == 8


def test_changes_and_concepts_are_counted_in_the_manifest(settings, small_wordnet):
    assert screened(settings, small_wordnet).manifest().metrics == {
        "transformed_captions": 4,
        "transformed_dates": 1,
        "transformed_names_replaced": 2,
        "transformed_numbers": 1,
        "transformed_places": 1,
        "concepts": 5,
        "frequent_concepts": 4,
    }


@pytest.mark.parametrize(("least", "kept"), [(1, 5), (2, 4), (3, 2), (4, 0)])
def test_a_caption_is_kept_if_each_concept_is_in_enough_captions(settings, small_wordnet, least, kept):
    # snow 4, tree 3, dog 3, person 2, quail 1
    assert len(rows(screened(settings, small_wordnet, least=least), "captions")) == kept


def test_the_same_rows_come_of_one_shard_and_of_more_than_one_task_adds_up(settings, small_wordnet, monkeypatch):
    together = rows(screened(settings, small_wordnet, [[alt for shard in ALTS for alt in shard]]), "captions")
    monkeypatch.setattr(shards, "COUNTS_AT_ONCE", 2)
    apart = rows(screened(settings, small_wordnet, [[alt] for shard in ALTS for alt in shard]), "captions")
    assert [row["caption"] for row in apart] == [row["caption"] for row in together]


def test_nothing_of_what_the_passes_hand_on_is_left(settings, small_wordnet):
    assert "exchange" not in storage.names(screened(settings, small_wordnet).uri)


def test_a_shard_that_an_ended_run_handed_on_is_not_transformed_again(settings, small_wordnet, tmp_path):
    config = Config(transform=TransformConfig(wordnet=small_wordnet))
    [uri] = artifact("candidates", settings, [{"alt": "Two dogs in the snow"}]).files("candidates")
    read = []

    def screen(uri):
        read.append(uri)
        return judged(config, uri)

    for _ in range(2):
        shards.transform_shard(config.transform, screen, str(tmp_path / "exchange"), (0, uri))
    assert read == [uri]


@pytest.mark.end_to_end
def test_dask_workers_give_the_same_bytes(settings, small_wordnet):
    alone = screened(settings, small_wordnet).manifest()
    on_dask = settings.model_copy(update={"root": f"{settings.root}-dask", "dask_workers": 2})
    assert screened(on_dask, small_wordnet).manifest().outputs == alone.outputs
