"""Brings rows together to images by their URL, and images to files by their digest."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.cells import CELLS_EACH, NOWHERE
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.records import CAPTION, HOLDER, IMAGE, RANK, SUSPECT, VERDICT
from tasks.dedup.signatures import SHARD_BITS, order_of
from tasks.dedup.vectors import vectors_of
from tasks.engine.exchange import Records, record_array

RANK_FIELDS = [name for name, _ in RANK]


class Surplus(IntEnum):
    """What is wrong with a row of an image that is kept."""

    NOTHING = 0
    CAPTION_REPEATED = 1
    TOO_MANY_CAPTIONS = 2


def by_rank(records: Records) -> NDArray[np.int64]:
    """The places of records with a rank, the first to be kept first, [N]."""
    return np.lexsort([records[name] for name in reversed(RANK_FIELDS)])


def group(exchanges: Exchanges, max_captions: int, part: int) -> None:
    """Gives all rows of a URL their split, and finds the images in a part of the URLs and their surplus captions.

    An image is a file at a URL.
    """
    rows = exchanges.rows_by_url.read(range(exchanges.shards), part)
    urls, files, captions = (np.unique(rows[name], return_inverse=True)[1] for name in ("url", "digest", "caption"))
    split = np.zeros(len(rows), np.uint8)
    np.maximum.at(split, urls, rows["split"])
    split = split[urls]
    order = order_of(split, rows["pixels"])
    by_image = np.lexsort([rows["row"], rows["pair"], order, files, urls])
    rows, split, order, captions = rows[by_image], split[by_image], order[by_image], captions[by_image]
    begins = _begins(urls[by_image], files[by_image])
    image = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    surplus, twins = _surplus(image, captions, max_captions)
    first = rows[starts]
    of_row = {name: rows[name] for name in ("row", "digest")}
    of_image = {"image": first["row"][image], "split": split}
    captions_found = record_array(CAPTION, **of_row, **of_image, surplus=surplus, twin=rows["pair"][twins])
    exchanges.captions.write(part, captions_found, (rows["row"] >> np.uint64(SHARD_BITS)).astype(np.int64))
    images = record_array(IMAGE, digest=first["digest"], order=order[starts], pair=first["pair"], row=first["row"])
    exchanges.images.write(part, images, exchanges.by_key(images["digest"]))


def _surplus(
    image: NDArray[np.int64], captions: NDArray[np.int64], max_captions: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """What is wrong with each row, given its image and its caption as numbers; and the first row with this caption.

    Rows are in order of rank in each image, and the images one after the other.
    """
    together = np.lexsort([captions, image])  # stable
    begins = _begins(image[together], captions[together])
    twins = np.empty(len(image), np.int64)
    twins[together] = together[begins][np.cumsum(begins) - 1]
    new = twins == np.arange(len(image))
    seen = np.cumsum(new)
    number = seen - (seen - new)[_begins(image)][image]  # of different captions, in the image and so far
    surplus = np.where(number > max_captions, Surplus.TOO_MANY_CAPTIONS, Surplus.NOTHING)
    return np.where(new, surplus, Surplus.CAPTION_REPEATED).astype(np.uint8), twins


def choose(exchanges: Exchanges, part: int) -> None:
    """Finds the first image of each file in a part of the digests, and hands on those that are close to others."""
    images = exchanges.images.read(range(len(exchanges.key_parts) + exchanges.evaluation_parts), part)
    images = images[by_rank(images)]
    images = images[np.unique(images["digest"], return_index=True)[1]]
    signatures = exchanges.signatures.read(exchanges.signers, part)
    shown = images[np.searchsorted(images["digest"], signatures["digest"])]
    ranks = {name: shown[name] for name in RANK_FIELDS}
    holders = record_array(HOLDER, digest=signatures["digest"], shard=signatures["shard"], **ranks)
    exchanges.holders.write(part, holders[holders["shard"] < exchanges.shards])
    marks = exchanges.marks.read(exchanges.likeness_parts, part)
    digests, first = np.unique(signatures["digest"], return_index=True)
    in_cells = marks[marks["part"] >= exchanges.cell_parts.start]
    cells = _cells(digests, in_cells, exchanges.cell_parts.start)
    marks = marks[marks["part"] < exchanges.cell_parts.start]
    for group in range(exchanges.band_groups):
        some = marks[marks["part"] // exchanges.classes == group]
        some = some[np.argsort(some["part"])]
        place = first[np.searchsorted(digests, some["digest"])]
        columns = {name: signatures[name][place] for name in ("digest", "hash", "thumbnail")}
        columns |= {"cells": cells[np.searchsorted(digests, some["digest"])]}
        suspects = record_array(SUSPECT, **columns, **{name: column[place] for name, column in ranks.items()})
        exchanges.suspects(group).write(part, suspects, some["part"].astype(np.int64) % exchanges.classes)
    if exchanges.dimension:
        in_cells = in_cells[np.argsort(in_cells["part"])]
        known = np.searchsorted(digests, in_cells["digest"])
        columns = {name: signatures[name][first[known]] for name in ("digest", "hash")}
        columns |= {"cells": cells[known], "vector": vectors_of(exchanges, part)["vector"][known]}
        columns |= {name: column[first[known]] for name, column in ranks.items()}
        suspects = record_array(exchanges.vector_suspects.dtype, **columns)
        exchanges.vector_suspects.write(part, suspects, in_cells["part"].astype(np.int64) - exchanges.cell_parts.start)


def _cells(digests: NDArray[np.bytes_], marks: Records, first_part: int) -> NDArray[np.uint32]:
    """The cells in which each file is close to another one, [N, 2]."""
    marks = marks[np.lexsort([marks["part"], marks["digest"]])]
    place = np.searchsorted(digests, marks["digest"])
    slot = np.arange(len(place)) - np.searchsorted(place, place)
    cells = np.full((len(digests), CELLS_EACH), NOWHERE, np.uint32)
    cells[place, slot] = marks["part"] - np.uint32(first_part)
    return cells


def judge(exchanges: Exchanges, part: int) -> None:
    """Hands back to the shards which image is kept for each file in a part of the digests."""
    holders = exchanges.holders.read([part])
    keepers = exchanges.keepers.read(exchanges.likeness_parts, part)
    keepers = keepers[by_rank(keepers)]  # stable: of one keeper first what the hashes say
    keepers = keepers[np.unique(keepers["digest"], return_index=True)[1]]
    ranks = {name: holders[name].copy() for name in RANK_FIELDS}
    dropped = np.isin(holders["digest"], keepers["digest"])
    place = np.searchsorted(keepers["digest"], holders["digest"][dropped])
    for name, column in ranks.items():
        column[dropped] = keepers[name][place]
    cosine = np.full(len(holders), np.nan, np.float32)
    cosine[dropped] = keepers["cosine"][place]
    found = record_array(VERDICT, digest=holders["digest"], image=holders["row"], cosine=cosine, **ranks)
    exchanges.verdicts.write(part, found, holders["shard"].astype(np.int64))


def _begins(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a place differs from the one before in any column, [N]."""
    begins = np.ones(len(columns[0]), bool)
    if len(begins):
        begins[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return begins
