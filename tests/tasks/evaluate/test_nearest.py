"""Nearest pictures are exact, whatever the shards they are found in."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.finished_run import FinishedRun, drawn_like, finished_run, table

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.evaluate import lookup
from tasks.evaluate.lookup import LookedUp, SmallCorpus, look_up
from tasks.evaluate.nearest import Nearest, nearest_in, squared_distances, thumbnails
from tasks.evaluate.scan import Questions, Scan, scan, scan_shard
from tasks.settings import Settings

NOTHING = Questions((), frozenset())
SETTINGS = Settings(dask_workers=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


def test_distances_are_exact():
    left, right = np.random.default_rng(0).integers(0, 256, (2, 5, 768)).astype(np.uint8)
    expected = [[int(((a.astype(int) - b.astype(int)) ** 2).sum()) for b in right] for a in left]
    assert squared_distances(left, right).tolist() == expected


def answers(artifact: Artifact, questions: Questions, queries: np.ndarray, folder: Path) -> tuple[Scan, Nearest]:
    """What the training pairs of an artifact say, and the nearest of their pictures."""
    uris = artifact.files("train")
    targets = [f"{folder}/{artifact.stage}/{number}.parquet" for number in range(len(uris))]
    return scan(uris, questions, targets, SETTINGS), nearest_in(targets, queries)


def test_the_nearest_picture_does_not_depend_on_how_the_corpus_is_cut(run, tmp_path):
    shards = [Shard(12, {"train": table(half, schemas.PAIRS)}) for half in (run.train[12:], run.train[:12])]
    cut = run.finish("cut", lambda output: output.map(lambda shard: shard, shards))
    queries = thumbnails([drawn_like(pair, 1.0) for pair in run.train + run.val])
    questions = Questions((run.train[0]["caption"],), frozenset({run.train[0]["pair_id"]}))
    whole, near_whole = answers(run.artifacts["pack"], questions, queries, tmp_path)
    parts, near_parts = answers(cut, questions, queries, tmp_path)
    assert near_parts.pair_ids.tolist() == near_whole.pair_ids.tolist()
    assert parts.images == whole.images == 24
    assert parts.found_by_words[run.train[0]["caption"]].pair_id == run.train[0]["pair_id"]


def test_of_two_equal_pictures_the_lower_id_is_named(run, tmp_path):
    twins = [{**run.train[0], "pair_id": pair_id} for pair_id in ("b" * 16, "a" * 16)]
    shard = Shard(2, {"train": table(twins, schemas.PAIRS)})
    pair = run.finish("twins", lambda output: output.map(lambda item: item, [shard]))
    _, near = answers(pair, NOTHING, thumbnails([run.train[0]["image"]]), tmp_path)
    assert near.pair_ids.tolist() == ["a" * 16]


def test_a_picture_counts_once_for_each_of_its_captions_however_often_it_has_it(run, tmp_path):
    """What a prompt can hit is pictures: of these, those with its caption, whichever of their captions that is."""
    names = ("another caption", "a caption", "a caption")
    rows = [{**run.train[0], "pair_id": f"{i:016x}", "caption": name} for i, name in enumerate(names)]
    rows.append({**run.train[1], "pair_id": "f" * 16, "caption": "a caption"})
    shard = Shard(4, {"train": table(rows, schemas.PAIRS)})
    pair = run.finish("several", lambda output: output.map(lambda item: item, [shard]))
    questions = Questions(("a caption",), frozenset())
    answer, near = answers(pair, questions, thumbnails([run.train[0]["image"]]), tmp_path)
    assert (answer.images, answer.images_per_prompt["a caption"]) == (2, 2)
    assert near.captions.tolist() == [("another caption", "a caption")]


def test_the_work_of_a_shard_can_travel_to_a_worker(run, tmp_path):
    answer = scan_shard(NOTHING, (run.artifacts["pack"].files("train")[0], f"{tmp_path}/small.parquet"))
    assert pickle.loads(pickle.dumps(answer)).images == 24


@pytest.mark.parametrize("shards_at_once", [1, 2, 16])
def test_what_is_looked_up_shard_by_shard_is_what_is_found_at_once(run, tmp_path, monkeypatch, shards_at_once):
    """However many shards of pictures share a pass over the corpus."""
    monkeypatch.setattr(lookup, "SHARDS_AT_ONCE", shards_at_once)
    pictures = [{"image": drawn_like(pair, 1.0)} for pair in run.train[:7]]
    uris = [f"{tmp_path}/pictures-{number}.parquet" for number in range(3)]
    for uri, rows in zip(uris, (pictures[:4], [], pictures[4:]), strict=True):
        pq.write_table(pa.Table.from_pylist(rows, pa.schema([("image", pa.binary())])), uri)
    pack = run.artifacts["pack"]
    corpus = SmallCorpus(*([f"{tmp_path}/{split}.parquet"] for split in ("train", "val")))
    for split, targets in (("train", corpus.train), ("val", corpus.val)):
        scan(pack.files(split), NOTHING, targets, SETTINGS)
    found = [LookedUp.read(uri) for uri in look_up(corpus, "image", uris, f"{tmp_path}/found", SETTINGS)]
    queries = thumbnails([row["image"] for row in pictures])
    assert np.array_equal(np.concatenate([like.thumbnails for like in found]), queries)
    for name, among in (("among_train", corpus.train), ("among_all", [*corpus.train, *corpus.val])):
        whole = nearest_in(among, queries)
        for column in ("squared", "pair_ids", "captions"):
            parts = [each for like in found for each in getattr(getattr(like, name), column).tolist()]
            assert parts == getattr(whole, column).tolist()


def test_without_held_out_pictures_the_nearest_of_all_is_the_nearest_of_training(run, tmp_path):
    scan(run.artifacts["pack"].files("train"), NOTHING, [f"{tmp_path}/train.parquet"], SETTINGS)
    pq.write_table(pa.table({"image": [run.val[0]["image"]]}), f"{tmp_path}/pictures.parquet")
    corpus = SmallCorpus([f"{tmp_path}/train.parquet"], [])
    [found] = look_up(corpus, "image", [f"{tmp_path}/pictures.parquet"], f"{tmp_path}/found", SETTINGS)
    like = LookedUp.read(found)
    assert like.among_all.pair_ids.tolist() == like.among_train.pair_ids.tolist()
