"""Batches made ahead are those of their steps, in a thread or in processes, and errors name the pair."""

import subprocess
import sys
import textwrap
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from support.ranks import ROOT

from models.training.config import TrainingConfig
from models.training.data import Pairs
from models.training.errors import DataError
from models.training.loader import Batch, Loader
from models.training.randomness import Step
from models.training.shards import Shards
from models.training.windows import Rows


def numbered(folder: Path, sizes: Sequence[int]) -> Shards:
    """Shards with row groups of two rows, which hold their own row numbers and ids."""
    uris, first = [], 0
    for i, size in enumerate(sizes):
        uris.append(str(folder / f"{i}.parquet"))
        numbers = list(range(first, first + size))
        table = pa.table({"number": numbers, "pair_id": [f"p{number}" for number in numbers]})
        pq.write_table(table, uris[-1], row_group_size=2)
        first += size
    return Shards(uris, ["number"])


def collate(step: Step, rows: Rows) -> Batch:
    assert list(rows["row"]) == rows["number"]
    return {"numbers": torch.tensor(rows["number"]), "noise": step.uniform("x", 4, (2,))}


def loader(shards: Shards, workers: int = 0, **training: int) -> Loader:
    config = TrainingConfig(**{"steps": 12, "batch_size": 4, "warmup_steps": 1, "window": 2} | training)
    return Loader(shards, ["number"], collate, config, workers)


def test_an_epoch_has_each_row_once_and_resumes_at_any_step(tmp_path: Path) -> None:
    shards = numbered(tmp_path, [5, 7])
    whole = loader(shards)
    batches = [whole.batch(Step(i, 0))["numbers"].tolist() for i in range(12)]
    for epoch in range(4):
        assert sorted(i for batch in batches[3 * epoch : 3 * epoch + 3] for i in batch) == list(range(12))
    resumed = loader(shards)
    assert [resumed.batch(Step(i, 0))["numbers"].tolist() for i in range(7, 12)] == batches[7:]


def test_ranks_share_the_batch_of_one(tmp_path: Path) -> None:
    shards = numbered(tmp_path, [5, 7])
    alone, ranks = loader(shards), [loader(shards) for _ in range(2)]
    for number in range(12):
        shared = [each.batch(Step(number, 0, rank, 2))["numbers"] for rank, each in enumerate(ranks)]
        assert torch.equal(torch.cat(shared), alone.batch(Step(number, 0))["numbers"])


def test_a_batch_may_be_larger_than_a_window_or_an_epoch(tmp_path: Path) -> None:
    numbers = loader(numbered(tmp_path, [3, 2]), batch_size=12, window=1).batch(Step(0, 0))["numbers"].tolist()
    assert sorted(numbers[:5]) == sorted(numbers[5:10]) == list(range(5))


def test_workers_make_the_batches_of_a_thread(tmp_path: Path) -> None:
    shards = numbered(tmp_path, [5, 7])
    thread, processes = loader(shards), loader(shards, workers=2)
    for number in range(12):
        one, other = thread.batch(Step(number, 0)), processes.batch(Step(number, 0))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_global_generator_stays_as_it_is(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    training = loader(numbered(tmp_path, [5]), workers=1)
    training.batch(Step(0, 0))
    training.close()
    assert torch.equal(before, torch.random.get_rng_state())


def test_after_the_last_step_no_thread_and_no_process_is_left(tmp_path: Path) -> None:
    shards = numbered(tmp_path, [8])
    before = set(threading.enumerate())
    for workers in (0, 1):
        training = loader(shards, workers, steps=3)
        for number in range(3):
            training.batch(Step(number, 0))
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    assert psutil.Process().children() == []


def test_a_step_has_the_names_of_its_pairs_on_all_ranks(tmp_path: Path) -> None:
    shards = numbered(tmp_path, [5, 7])
    training = loader(shards)
    for number in (0, 4, 11):
        rows = training.batch(Step(number, 0))["numbers"].tolist()
        assert training.names(Step(number, 0, rank=1, world=2)) == [f"p{row}" for row in rows]


def test_a_thread_keeps_batches_ready(tmp_path: Path) -> None:
    training = loader(numbered(tmp_path, [64]), steps=30)
    for number in range(30):
        training.batch(Step(number, 0))
        threading.Event().wait(0.01)  # a step
    assert training.waiting.steps == 29
    assert training.waiting.share < 0.2


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_told_in_one_sentence_with_its_pair(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "broken.parquet"
    pq.write_table(pa.table({"pair_id": ["p7"], "caption": ["b"], "image": pa.array([b"oops"], pa.binary())}), path)
    pairs = Pairs([str(path)])

    def squares(step: Step, rows: Rows) -> Batch:
        return {"images": pairs.squares_of(rows, 8)}

    config = TrainingConfig(steps=5, batch_size=1, warmup_steps=1)
    training = Loader(pairs.shards, ["pair_id", "image"], squares, config, workers)
    with pytest.raises(DataError, match=r"^pair p7: 4 bytes that are no image") as caught:
        training.batch(Step(0, 0))
    assert "\n" not in str(caught.value)
    training.close()


def test_a_worker_that_is_killed_is_told(tmp_path: Path) -> None:
    training = loader(numbered(tmp_path, [64]), workers=1, steps=50)
    training.batch(Step(0, 0))
    psutil.Process().children()[0].kill()
    with pytest.raises(DataError, match="ended early"):
        deque(training.batch(Step(number, 0)) for number in range(1, 50))
    training.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can signal a process when its parent dies")
def test_workers_die_with_the_trainer(tmp_path: Path) -> None:
    numbered(tmp_path, [64])
    code = f"""
        import sys; sys.path.insert(0, {str(ROOT / "tests" / "models" / "training")!r})
        import time, psutil
        from test_loader import Shards, Step, loader
        training = loader(Shards([{str(tmp_path / "0.parquet")!r}], ["number"]), workers=2, steps=50)
        training.batch(Step(0, 0))
        print(*[child.pid for child in psutil.Process().children()], flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=paths) as trainer:
        assert trainer.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in trainer.stdout.readline().split()]
        assert len(workers) == 2
        for worker in workers:
            worker.terminate()  # as when all processes of a session are signalled: the trainer still saves
        assert psutil.wait_procs(workers, 0.3)[0] == []
        trainer.kill()
    _, alive = psutil.wait_procs(workers, 5)
    assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def test_codes_come_as_numbers_in_the_order_of_the_rows(token_shard: str) -> None:
    shards = Shards([token_shard, token_shard], ["codes"])

    def codes(step: Step, rows: Rows) -> Batch:
        return {"codes": torch.from_numpy(rows["codes"].astype(np.int64)), "row": torch.from_numpy(rows["row"])}

    config = TrainingConfig(steps=2, batch_size=8, warmup_steps=1)
    batches = [Loader(shards, ["codes"], codes, config).batch(Step(i, 0)) for i in range(2)]
    table = pq.read_table(token_shard)["codes"].to_pylist() * 2
    for batch in batches:
        for row, ours in zip(batch["row"].tolist(), batch["codes"], strict=True):
            assert np.frombuffer(table[row], "<u2").tolist() == ours.tolist()
