"""How dedup grows with the rows, on signatures without pictures: `taskset -c 1 python … 1000000 20000`.

One row in twenty is a near-duplicate of another, and one picture stands as often as the second number says. Prints the
CPU seconds of each step, the most memory of a worker up to its end, and that of the driver, which is this process. The
worker gives memory back as Dask's do.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import dask
import distributed  # noqa: F401  # which has the settings of workers
import numpy as np
from numpy.typing import NDArray

sys.path[:0] = [str(Path(__file__).parents[2])]

from tasks.dedup.config import Config  # noqa: E402
from tasks.dedup.exchanges import Exchanges  # noqa: E402
from tasks.dedup.records import HASH_BYTES, KEY_BYTES, ROW, SIGNATURE  # noqa: E402
from tasks.dedup.signatures import SHARD_BITS, hand_on  # noqa: E402
from tasks.dedup.stage import LEAST_SIGNERS, ROWS_PER_SIGNER, find_duplicates  # noqa: E402
from tasks.dedup.verdicts import verdicts_of  # noqa: E402

NEAR = 20


def main(rows: int, copies: int) -> None:
    os.environ |= {name: str(value) for name, value in dask.config.get("distributed.nanny.pre-spawn-environ").items()}
    spawn = multiprocessing.get_context("spawn")  # a fork would keep what this process was started with
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, spawn) as worker:
        exchanges = exchanges_of(folder, rows)
        seconds: dict[str, float] = {}
        peaks: dict[str, int] = {}
        each = partial(_each, worker, seconds, peaks)
        each(partial(sign, exchanges, copies), range(exchanges.shards))
        started = time.process_time()
        comparisons = find_duplicates(Config(), exchanges, each)
        driver = time.process_time() - started
        dropped = sum(each(partial(dropped_of, exchanges), range(exchanges.shards)))
        memory = f"worker {max(peaks.values())} MiB, driver {_peak_mib()} MiB"
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*.bin")) >> 20
    print({name: f"{taken:.2f} s, {peaks[name]} MiB" for name, taken in seconds.items()}, f"driver {driver:.2f} s")
    work = driver + sum(seconds.values()) - seconds["sign"]
    print(f"{rows} rows, {copies} copies: {work:.1f} s; {memory}; {stored} MiB handed on")
    print(f"{dropped} dropped, {comparisons} comparisons")


def _each(
    worker: ProcessPoolExecutor,
    seconds: dict[str, float],
    peaks: dict[str, int],
    work: Callable[[Any], Any],
    items: Sequence[Any],
) -> list[Any]:
    found = list(worker.map(partial(_timed, work), items))
    name = work.func.__name__  # type: ignore[attr-defined]
    seconds[name] = seconds.get(name, 0) + sum(taken for _, taken in found)
    peaks[name] = worker.submit(_peak_mib).result()
    return [result for result, _ in found]


def _timed(work: Callable[[Any], Any], item: Any) -> tuple[Any, float]:
    started = time.process_time()
    return work(item), time.process_time() - started


def exchanges_of(folder: str, rows: int) -> Exchanges:
    """With as many signers as the stage has of so many rows."""
    signers = rows // min(ROWS_PER_SIGNER, rows // LEAST_SIGNERS)
    return Exchanges(folder, rows, signers, 0, Config().max_hash_distance)


def sign(exchanges: Exchanges, copies: int, signer: int) -> None:
    """Hands on a signer's rows, with an address, a caption and a file each."""
    count = exchanges.rows // exchanges.shards
    random = np.random.default_rng([1, signer])
    hashes, thumbnails = looks(signer, count)
    near, thumbnails_near = looks((signer + 1) % exchanges.shards, count)
    copy, thumbnails_copy = looks(-1, 1)
    is_near = random.random(count) < 1 / NEAR
    numbers = signer * count + np.arange(count)
    is_copy = numbers % (exchanges.rows // copies) == 0
    hashes[is_near], thumbnails[is_near] = near[is_near], thumbnails_near[is_near]
    hashes[is_copy], thumbnails[is_copy] = copy, thumbnails_copy
    for row in np.flatnonzero(is_near | is_copy):
        hashes[row, random.integers(0, HASH_BYTES, 3)] ^= 2
        thumbnails[row] += random.integers(0, 8, dtype=np.uint8)
    texts = np.frombuffer(random.bytes(3 * KEY_BYTES * count), f"S{KEY_BYTES}").reshape(3, -1)
    rows = np.zeros(count, ROW)
    rows["url"], rows["caption"], rows["digest"] = texts
    rows["pixels"] = random.integers(100, 200, count) ** 2
    rows["pair"] = random.integers(0, 1 << 63, count)
    rows["row"] = signer << SHARD_BITS | np.arange(count)
    signatures = np.empty(count, SIGNATURE)
    signatures["digest"], signatures["shard"] = rows["digest"], signer
    signatures["hash"], signatures["thumbnail"] = hashes, thumbnails
    hand_on(exchanges, signer, rows, signatures)


def looks(signer: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Random hashes and thumbnails, before any are copies."""
    random = np.random.default_rng([0, signer + 1])
    hashes = random.integers(0, 256, (count, HASH_BYTES), np.uint8)
    hashes[:, -1] &= 0xFE  # 255 bits
    return hashes, random.integers(0, 200, (count, 16, 16, 3), np.uint8)


def dropped_of(exchanges: Exchanges, signer: int) -> int:
    """How many rows of a signer are dropped."""
    _, reasons, _ = verdicts_of(exchanges, Config().max_captions, signer)
    return len(reasons) - int(reasons.null_count)


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
