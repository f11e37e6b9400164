"""Nearest pictures are exact, whatever the shards they are found in."""

import pickle

import numpy as np
import pytest
from support.finished_run import FinishedRun, drawn_like, finished_run, table

from tasks import schemas
from tasks.engine.output import Shard
from tasks.evaluate.nearest import Questions, scan, scan_shard, squared_distances, thumbnails
from tasks.settings import Settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


def test_distances_are_exact():
    left, right = np.random.default_rng(0).integers(0, 256, (2, 5, 768)).astype(np.uint8)
    expected = [[int(((a.astype(int) - b.astype(int)) ** 2).sum()) for b in right] for a in left]
    assert squared_distances(left, right).tolist() == expected


def test_the_nearest_picture_does_not_depend_on_how_the_corpus_is_cut(run):
    shards = [Shard(12, {"train": table(half, schemas.PAIRS)}) for half in (run.train[12:], run.train[:12])]
    cut = run.finish("cut", lambda output: output.map(lambda shard: shard, shards))
    queries = thumbnails([drawn_like(pair, 1.0) for pair in run.train + run.val])
    questions = Questions(queries, (run.train[0]["caption"],), frozenset({run.train[0]["pair_id"]}))
    whole = scan(run.artifacts["pack"].files("train"), questions, run.settings)
    parts = scan(cut.files("train"), questions, run.settings)
    assert parts.nearest.pair_ids.tolist() == whole.nearest.pair_ids.tolist()
    assert parts.images == whole.images == 24
    assert parts.found_by_words[run.train[0]["caption"]].pair_id == run.train[0]["pair_id"]


def test_of_two_equal_pictures_the_lower_id_is_named(run):
    twins = [{**run.train[0], "pair_id": pair_id} for pair_id in ("b" * 16, "a" * 16)]
    shard = Shard(2, {"train": table(twins, schemas.PAIRS)})
    pair = run.finish("twins", lambda output: output.map(lambda item: item, [shard]))
    questions = Questions(thumbnails([run.train[0]["image"]]), (), frozenset())
    assert scan_shard(questions, pair.files("train")[0]).nearest.pair_ids.tolist() == ["a" * 16]


def test_a_picture_counts_once_for_each_of_its_captions_however_often_it_has_it(run):
    """What a prompt can hit is pictures: of these, those with its caption, whichever of their captions that is."""
    names = ("another caption", "a caption", "a caption")
    rows = [{**run.train[0], "pair_id": f"{i:016x}", "caption": name} for i, name in enumerate(names)]
    rows.append({**run.train[1], "pair_id": "f" * 16, "caption": "a caption"})
    shard = Shard(4, {"train": table(rows, schemas.PAIRS)})
    pair = run.finish("several", lambda output: output.map(lambda item: item, [shard]))
    answer = scan_shard(
        Questions(thumbnails([run.train[0]["image"]]), ("a caption",), frozenset()), pair.files("train")[0]
    )
    assert (answer.images, answer.images_per_prompt["a caption"]) == (2, 2)
    assert answer.nearest.captions.tolist() == [("another caption", "a caption")]


def test_the_work_of_a_shard_can_travel_to_a_worker(run):
    questions = Questions(thumbnails([run.train[0]["image"]]), (), frozenset())
    answer = scan_shard(questions, run.artifacts["pack"].files("train")[0])
    assert pickle.loads(pickle.dumps(answer)).images == 24
