"""Hashing and searching near-duplicates beside imagehash and faiss: `taskset -c 0 python …`, a minute.

Prints the median ratio of CPU times of alternating rounds, and whether faiss finds the very same pairs. Needs
`pip install --no-deps imagehash PyWavelets faiss-cpu`.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from adapters import dedup  # noqa: E402


def main() -> None:
    for side in (256, 1024):
        images = [picture(seed, side) for seed in range(8)]
        steps = dedup("phash", {"images": images}) or {}
        print(f"hash of a JPEG of {side} px, beside imagehash: {ratio(*steps.values(), rounds=5):.2f}")
    for count, bits, distance, rounds in ((20_000, 255, 12, 5), (100_000, 64, 4, 3)):
        print(f"{count} hashes of {bits} bits, beside IndexBinaryFlat: {searched(count, bits, distance, rounds)}")


def searched(count: int, bits: int, distance: int, rounds: int) -> str:
    """The speed of the search and whether it finds what faiss finds."""
    hashes = with_copies(count, bits, distance)
    (ours,) = (dedup("hamming", {"hashes": hashes, "distance": distance}) or {}).values()
    theirs: set[tuple[int, int]] = set()
    speed = ratio(lambda: flat(hashes, distance, theirs), ours, rounds)
    same = "the same pairs" if theirs == ours.pairs else "OTHER PAIRS"  # type: ignore[attr-defined]
    return f"{speed:.1f}, {len(theirs)} pairs, {same}"


def picture(seed: int, side: int) -> NDArray[np.uint8]:
    """Smooth, with some noise, so that decoding has something to do."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((side, side))
    noisy = np.asarray(small).astype(np.int16) + random.integers(-6, 7, (side, side, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def with_copies(count: int, bits: int, distance: int) -> NDArray[np.bool_]:
    """Random hashes; one in twenty is a copy of another but for a few bits, up to one more than `distance`."""
    random = np.random.default_rng(0)
    hashes = random.random((count, bits)) < 0.5
    for row in random.choice(count, count // 20, replace=False):
        hashes[row] = hashes[(row + 1) % count]
        hashes[row, random.choice(bits, random.integers(0, distance + 2), replace=False)] ^= True
    return hashes


def flat(hashes: NDArray[np.bool_], distance: int, pairs: set[tuple[int, int]]) -> None:
    """What faiss finds by comparing every hash with every other, one thread."""
    import faiss

    faiss.omp_set_num_threads(1)
    packed = np.packbits(hashes, axis=1)
    index = faiss.IndexBinaryFlat(8 * packed.shape[1])
    index.add(packed)
    limits, _, found = index.range_search(packed, distance + 1)
    first = np.repeat(np.arange(len(hashes)), np.diff(limits.astype(np.int64)))
    later = first < found
    pairs.update(zip(first[later].tolist(), found[later].tolist(), strict=True))


def ratio(peer: Callable[[], object], ours: Callable[[], object], rounds: int) -> float:
    """How many times faster ours is, after a round to warm up."""
    ours()
    return statistics.median(_seconds(peer) / _seconds(ours) for _ in range(rounds))


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
