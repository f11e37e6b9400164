"""How dedup grows with the rows, on signatures without pictures: `taskset -c 1 python … 1000000 20000`.

One row in twenty is a near-duplicate of another, and one picture stands as often as the second number says. Prints the
CPU seconds of each step, and the most memory of the driver, which is this process, and of a worker that does the work.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path[:0] = [str(Path(__file__).parents[2])]

from tasks.dedup.config import Config  # noqa: E402
from tasks.dedup.exchanges import Exchanges  # noqa: E402
from tasks.dedup.records import HASH_BYTES, KEY_BYTES, ROW, SIGNATURE  # noqa: E402
from tasks.dedup.signatures import SHARD_BITS, hand_on  # noqa: E402
from tasks.dedup.stage import find_duplicates  # noqa: E402
from tasks.dedup.verdicts import verdicts_of  # noqa: E402

ROWS_PER_SHARD = 10_000
NEAR = 20


def main(rows: int, copies: int) -> None:
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1) as worker:
        exchanges = Exchanges(folder, rows, rows // ROWS_PER_SHARD, 0, Config().max_hash_distance)
        seconds: dict[str, float] = {}
        each = partial(_each, worker, seconds)
        each(partial(sign, exchanges, copies), range(exchanges.shards))
        started = time.process_time()
        comparisons = find_duplicates(Config(), exchanges, each)
        driver = time.process_time() - started
        dropped = sum(each(partial(dropped_of, exchanges), range(exchanges.shards)))
        memory = f"worker {worker.submit(_peak_mib).result()} MiB, driver {_peak_mib()} MiB"
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*.bin")) >> 20
    print({name: round(each, 2) for name, each in seconds.items()}, f"driver {driver:.2f}")
    work = driver + sum(seconds.values()) - seconds["sign"]
    print(f"{rows} rows, {copies} copies: {work:.1f} s; {memory}; {stored} MiB handed on")
    print(f"{dropped} dropped, {comparisons} comparisons")


def _each(
    worker: ProcessPoolExecutor, seconds: dict[str, float], work: Callable[[Any], Any], items: Sequence[Any]
) -> list[Any]:
    found = list(worker.map(partial(_timed, work), items))
    name = work.func.__name__  # type: ignore[attr-defined]
    seconds[name] = seconds.get(name, 0) + sum(taken for _, taken in found)
    return [result for result, _ in found]


def _timed(work: Callable[[Any], Any], item: Any) -> tuple[Any, float]:
    started = time.process_time()
    return work(item), time.process_time() - started


def sign(exchanges: Exchanges, copies: int, shard: int) -> None:
    """Hands on a shard of rows with an address, a caption and a file each."""
    random = np.random.default_rng([1, shard])
    hashes, thumbnails = looks(shard)
    near, thumbnails_near = looks((shard + 1) % exchanges.shards)
    copy, thumbnails_copy = looks(-1)
    is_near = random.random(ROWS_PER_SHARD) < 1 / NEAR
    numbers = shard * ROWS_PER_SHARD + np.arange(ROWS_PER_SHARD)
    is_copy = numbers % (exchanges.rows // copies) == 0
    hashes[is_near], thumbnails[is_near] = near[is_near], thumbnails_near[is_near]
    hashes[is_copy], thumbnails[is_copy] = copy[0], thumbnails_copy[0]
    for row in np.flatnonzero(is_near | is_copy):
        hashes[row, random.integers(0, HASH_BYTES, 3)] ^= 2
        thumbnails[row] += random.integers(0, 8, dtype=np.uint8)
    texts = np.frombuffer(random.bytes(3 * KEY_BYTES * ROWS_PER_SHARD), f"S{KEY_BYTES}").reshape(3, -1)
    rows = np.zeros(ROWS_PER_SHARD, ROW)
    rows["url"], rows["caption"], rows["digest"] = texts
    rows["pixels"] = random.integers(100, 200, ROWS_PER_SHARD) ** 2
    rows["pair"] = random.integers(0, 1 << 63, ROWS_PER_SHARD)
    rows["row"] = shard << SHARD_BITS | np.arange(ROWS_PER_SHARD)
    signatures = np.empty(ROWS_PER_SHARD, SIGNATURE)
    signatures["digest"], signatures["shard"] = rows["digest"], shard
    signatures["hash"], signatures["thumbnail"] = hashes, thumbnails
    hand_on(exchanges, shard, rows, signatures)


def looks(shard: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Random hashes and thumbnails, before any are copies."""
    random = np.random.default_rng([0, shard + 1])
    hashes = random.integers(0, 256, (ROWS_PER_SHARD, HASH_BYTES), np.uint8)
    hashes[:, -1] &= 0xFE  # 255 bits
    return hashes, random.integers(0, 200, (ROWS_PER_SHARD, 16, 16, 3), np.uint8)


def dropped_of(exchanges: Exchanges, shard: int) -> int:
    """How many rows of a shard are dropped."""
    _, reasons, _ = verdicts_of(exchanges, Config().max_captions, shard)
    return len(reasons) - int(reasons.null_count)


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
