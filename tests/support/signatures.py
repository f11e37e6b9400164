"""Rows and signatures without pictures, what dedup says about them, and the same by its rule, all in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.crawl.splits import split_of
from tasks.dedup.cells import unit
from tasks.dedup.config import Config
from tasks.dedup.evaluation_set import EvaluationImage
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.near_duplicates import HASH_BITS
from tasks.dedup.records import ROW, SPLITS
from tasks.dedup.signatures import SHARD_BITS, hand_on, hand_on_evaluation, key, signatures_of
from tasks.dedup.stage import find_duplicates
from tasks.dedup.vectors import hand_on_vectors
from tasks.dedup.verdicts import verdicts_of


@dataclass(frozen=True)
class Row:
    """A row and what is compared of its image; rows with the same digest have the same look."""

    pair: int
    url: str
    caption: str
    digest: str
    bits: tuple[bool, ...]
    colour: int = 0
    pixels: int = 100
    split: str | None = None
    vector: tuple[float, ...] = ()


Verdict = tuple[str | None, str | None, str | None]  # split, reason, detail


def row(number: int, bits: Sequence[bool], **given: object) -> Row:
    """Of an image of its own address and bytes."""
    plain = Row(number, f"https://example.com/{number}", f"caption {number}", f"digest {number}", tuple(bits))
    return replace(plain, **given)


def thumbnail(colour: int) -> np.ndarray:
    return np.full((16, 16, 3), colour, np.uint8)


def evaluation_image(
    name: str, bits: Sequence[bool], colour: int = 0, vector: tuple[float, ...] = ()
) -> EvaluationImage:
    return EvaluationImage(name, np.array(bits, bool), thumbnail(colour), vector)


def handed_on(
    folder: object,
    config: Config,
    shards: Sequence[Sequence[Row]],
    evaluation: Sequence[Sequence[EvaluationImage]] = (),
) -> Exchanges:
    """As the signers of these shards and parts of an evaluation set leave it."""
    rows = sum(map(len, shards))
    dimension = next((len(each.vector) for shard in shards for each in shard), 0)
    exchanges = Exchanges(f"{folder}/exchange", rows, len(shards), len(evaluation), config.max_hash_distance, dimension)
    for number, shard in enumerate(shards):
        table = np.empty(len(shard), ROW)
        for place, each in enumerate(shard):
            keys = (key(text.encode()) for text in (each.url, each.caption, each.digest))
            values = SPLITS.index(each.split), each.pixels, each.pair, number << SHARD_BITS | place
            table[place] = (*keys, *values)
        looks = {key(each.digest.encode()): (np.array(each.bits), thumbnail(each.colour)) for each in shard}
        if dimension:
            vectors = {key(each.digest.encode()): each.vector for each in shard}
            hand_on_vectors(exchanges, number, list(vectors), list(vectors.values()))
        hand_on(exchanges, number, table, signatures_of(number, looks))
    for number, images in enumerate(evaluation):
        hand_on_evaluation(exchanges, number, list(images))
    return exchanges


def verdicts(config: Config, exchanges: Exchanges) -> tuple[list[Verdict], int]:
    """What becomes of each row, and the comparisons made."""
    comparisons = find_duplicates(config, exchanges, lambda work, items: [work(item) for item in items])
    found = [verdicts_of(exchanges, config.max_captions, shard) for shard in range(exchanges.shards)]
    return [
        each for columns in found for each in zip(*(column.to_pylist() for column in columns), strict=True)
    ], comparisons


def verdicts_by_rule(config: Config, rows: Sequence[Row], evaluation: Sequence[EvaluationImage] = ()) -> list[Verdict]:
    """The same, every image beside every kept one."""
    stated = defaultdict(set)
    for each in rows:
        stated[each.url].add(each.split)
    rows = [replace(each, split=split_of(stated[each.url])) for each in rows]
    ranked = sorted(range(len(rows)), key=lambda n: (rows[n].split != "validation", -rows[n].pixels, rows[n].pair, n))
    files: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n in ranked:
        files[rows[n].digest][rows[n].url].append(n)

    def alike(one: Row, bits: np.ndarray, colour: int, vector: Sequence[float]) -> str | None:
        """What the detail says of it; None if they are not."""
        close = (np.array(one.bits) != bits).sum() <= config.max_hash_distance
        if close and abs(one.colour - colour) <= config.max_colour_difference:
            return ""
        first, second = (unit(np.array([each], np.float16)) for each in (one.vector, vector))
        cosine = (first * second).sum()
        return f", cosine {cosine:.4f}" if config.min_cosine is not None and cosine >= config.min_cosine else None

    found: list[Verdict] = [(each.split, None, None) for each in rows]

    def reject(n: int, reason: str, detail: str) -> None:
        found[n] = (rows[n].split, reason, detail)

    kept: list[int] = []
    for images in files.values():  # in order of rank of their first rows
        first, *others = images.values()
        this = rows[first[0]]
        looks = ((e.name, alike(this, e.hash_bits, int(e.thumbnail[0, 0, 0]), e.vector)) for e in evaluation)
        match = next((name + how for name, how in looks if how is not None), None)
        if match is not None:
            for n in (n for image in images.values() for n in image):
                reject(n, "in_evaluation_set", f"matches {match}")
            continue
        found_kept = ((k, alike(this, np.array(rows[k].bits), rows[k].colour, rows[k].vector)) for k in kept)
        keeper, how = next(((k, how) for k, how in found_kept if how is not None), (first[0], ""))
        detail = f"same as {rows[keeper].pair:016x}"
        for n in (n for image in others for n in image):
            reject(n, "exact_duplicate", detail)
        if keeper != first[0]:
            for n in first:
                reject(n, "near_duplicate", detail + how)
            continue
        kept.append(first[0])
        captions: dict[str, int] = {}
        for n in first:
            twin = captions.setdefault(rows[n].caption, n)
            if twin != n:
                reject(n, "exact_duplicate", f"same as {rows[twin].pair:016x}")
            elif len(captions) > config.max_captions:
                reject(n, "too_many_captions", f"more than {config.max_captions} of one image")
    return found


def thermometer(count: int) -> np.ndarray:
    """A hash with so many bits set, which is near to those with a few more or less and to no others."""
    return np.arange(HASH_BITS) < count
