"""What is compared of rows and images, read from the shards and the evaluation set."""

import hashlib
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import schemas
from tasks.dedup.banded_search import Bits, packed
from tasks.dedup.embeddings import Embed
from tasks.dedup.evaluation_set import EvaluationImage, EvaluationSet, evaluation_images
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.near_duplicates import Thumbnail, hash_and_thumbnail
from tasks.dedup.records import EVALUATION, HASH, IMAGE, KEY_BYTES, ROW, SIGNATURE, SPLITS
from tasks.dedup.vectors import hand_on_vectors
from tasks.engine import storage
from tasks.engine.exchange import Records, record_array

COMPARED = ["pair_id", "url", "caption", "split", "width", "height", "image"]
ROWS_AT_ONCE = 64
SHARD_BITS = 32  # of a row's number that are its place in the shard


def sign(exchanges: Exchanges, embed: Callable[[], Embed] | None, signer: tuple[int, Sequence[str]]) -> None:
    """Hands on the rows of some shards and the signatures of their files, unless a run before has done so.

    A file with several captions is decoded once.

    Args:
        embed: gives what makes vectors; None where images have none.
        signer: its number and the URLs of its shards.
    """
    number, uris = signer
    if all(made.has(number) for made in exchanges.of_a_signer):
        return
    rows: list[tuple[Any, ...]] = []
    looks: dict[bytes, tuple[Bits, Thumbnail]] = {}
    vectors: list[Any] = []
    for batch in chain.from_iterable(schemas.read_batches(uri, COMPARED, ROWS_AT_ONCE) for uri in uris):
        new: list[bytes] = []
        for row in batch.to_pylist():
            digest = key(row["image"])
            if digest not in looks:
                looks[digest] = hash_and_thumbnail(row["image"])
                new.append(row["image"])
            place = number << SHARD_BITS | len(rows)
            texts = key(row["url"].encode()), key(row["caption"].encode())
            split, pixels = SPLITS.index(row["split"]), row["width"] * row["height"]
            rows.append((*texts, digest, split, pixels, int(row["pair_id"], 16), place))
        if embed is not None:
            vectors.extend(embed()(new))
    if embed is not None:
        hand_on_vectors(exchanges, number, list(looks), vectors)
    hand_on(exchanges, number, np.array(rows, ROW), signatures_of(number, looks))


def signatures_of(signer: int, looks: dict[bytes, tuple[Bits, Thumbnail]]) -> Records:
    """Signatures of files, by their digests."""
    found = np.empty(len(looks), SIGNATURE)
    found["digest"] = list(looks)
    found["shard"] = signer
    for place, (bits, thumbnail) in enumerate(looks.values()):
        found["hash"][place] = packed(bits[None])[0]
        found["thumbnail"][place] = thumbnail
    return found


def hand_on(exchanges: Exchanges, shard: int, rows: Records, signatures: Records) -> None:
    """Hands on what was read of one shard.

    Args:
        rows: `ROW`.
        signatures: `SIGNATURE`, one of each file.
    """
    exchanges.rows_by_url.write(shard, rows, exchanges.by_key(rows["url"]))
    _hand_on_signatures(exchanges, shard, signatures)


def sign_evaluation(exchanges: Exchanges, embed: Callable[[], Embed] | None, part: tuple[int, EvaluationSet]) -> int:
    """Hands on the signatures of a part of the evaluation set, and its names; returns their number.

    Raises:
        SourceError: as `evaluation_images`.
    """
    number, images = part
    return hand_on_evaluation(exchanges, number, evaluation_images(images, embed() if embed is not None else None))


def hand_on_evaluation(exchanges: Exchanges, part: int, images: list[EvaluationImage]) -> int:
    """Hands on images of the evaluation set as those that are kept before all others."""
    signer = exchanges.shards + part
    storage.write_json(exchanges.names(part), [image.name for image in images])
    looks = {key(f"evaluation {part} {place}".encode()): place for place in range(len(images))}
    signatures = signatures_of(
        signer, {digest: (images[place].hash_bits, images[place].thumbnail) for digest, place in looks.items()}
    )
    if exchanges.dimension:
        hand_on_vectors(exchanges, signer, list(looks), [image.vector for image in images])
    rows = np.arange(len(images), dtype=np.uint64) | np.uint64(signer << SHARD_BITS)
    ranked = record_array(IMAGE, digest=signatures["digest"], order=EVALUATION, pair=0, row=rows)
    exchanges.images.write(len(exchanges.key_parts) + part, ranked, exchanges.by_key(ranked["digest"]))
    _hand_on_signatures(exchanges, signer, signatures)
    return len(images)


def _hand_on_signatures(exchanges: Exchanges, signer: int, signatures: Records) -> None:
    exchanges.signatures.write(signer, signatures, exchanges.by_key(signatures["digest"]))
    places, parts = exchanges.by_band(signatures["hash"])
    hashes = record_array(HASH, digest=signatures["digest"], hash=signatures["hash"])
    exchanges.hashes.write(signer, hashes[places], parts)


def key(data: bytes) -> bytes:
    """The start of the SHA-256: no two texts or files are known that share it."""
    return hashlib.sha256(data).digest()[:KEY_BYTES]


def order_of(split: NDArray[np.uint8], pixels: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The first part of a rank, [N]: what is held out, and then what is larger."""
    others = (split != SPLITS.index("validation")).astype(np.uint64)
    return ((others + np.uint64(1)) << np.uint64(62)) - pixels.astype(np.uint64)
