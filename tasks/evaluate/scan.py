"""What the corpus says of the prompts, and its pictures made small, for a search."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine import storage
from tasks.engine.row_groups import table_bytes
from tasks.engine.shards import map_shards
from tasks.evaluate.nearest import THUMBNAILS, thumbnails
from tasks.settings import Settings


@dataclass(frozen=True)
class Questions:
    """What is looked for in the corpus: captions that are prompts, and the pairs that these were taken from."""

    prompts: tuple[str, ...]
    pair_ids: frozenset[str]


@dataclass(frozen=True)
class CaptionMatch:
    """The pair whose caption shares most words with a prompt: what a search engine would return."""

    overlap: float  # words in common over words in either
    pair_id: str
    thumbnail: NDArray[np.uint8]


@dataclass(frozen=True)
class Scan:
    """What one part of the corpus answers."""

    images: int  # an image with several captions, a pair each, counts once in a shard
    prompted: dict[str, NDArray[np.uint8]]  # thumbnail of each prompted pair
    images_per_prompt: Counter[str]  # how many images, counted likewise, have exactly this caption
    found_by_words: dict[str, CaptionMatch]


def scan(uris: Sequence[str], questions: Questions, targets: Sequence[str], settings: Settings) -> Scan | None:
    """Asks all shards of a corpus, and writes each as THUMBNAILS to the target of its place; None without a shard."""
    parts = map_shards(partial(scan_shard, questions), list(zip(uris, targets, strict=True)), settings)
    return _merged(parts) if parts else None


def scan_shard(questions: Questions, shard: tuple[str, str]) -> Scan:
    """Asks one shard of a corpus, given with its target. Runs in a Dask worker."""
    uri, target = shard
    table = schemas.read_table(uri, ["pair_id", "caption", "image"])
    table = table.take(pc.sort_indices(table["pair_id"]))  # of two images equally near, the lower id is meant
    pair_ids, captions = table["pair_id"].to_pylist(), table["caption"].to_pylist()
    images = table["image"].to_pylist()
    small = thumbnails(images)
    said: dict[bytes, dict[str, None]] = defaultdict(dict)  # in the order of the pairs
    for image, caption in zip(images, captions, strict=True):
        said[image][caption] = None
    columns = [pair_ids, [[*said[image]] for image in images], [each.tobytes() for each in small]]
    stored = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, THUMBNAILS, strict=True)], schema=THUMBNAILS
    )
    storage.write_bytes(target, table_bytes(stored))
    prompts = set(questions.prompts)
    return Scan(
        images=len(said),
        prompted={pair_id: small[i] for i, pair_id in enumerate(pair_ids) if pair_id in questions.pair_ids},
        images_per_prompt=Counter(caption for own in said.values() for caption in own if caption in prompts),
        found_by_words=_found_by_words(questions.prompts, pair_ids, captions, small),
    )


def _found_by_words(
    prompts: Sequence[str], pair_ids: Sequence[str], captions: Sequence[str], corpus: NDArray[np.uint8]
) -> dict[str, CaptionMatch]:
    words = [set(caption.lower().split()) for caption in captions]
    found = {}
    for prompt in sorted(set(prompts)):
        asked = set(prompt.lower().split())
        overlaps = [len(asked & these) / max(len(asked | these), 1) for these in words]
        best = int(np.argmax(overlaps))
        found[prompt] = CaptionMatch(overlaps[best], pair_ids[best], corpus[best])
    return found


def _merged(parts: Sequence[Scan]) -> Scan:
    whole = parts[0]
    for part in parts[1:]:
        whole = Scan(
            images=whole.images + part.images,
            prompted=whole.prompted | part.prompted,
            images_per_prompt=whole.images_per_prompt + part.images_per_prompt,
            found_by_words={
                prompt: min(match, part.found_by_words[prompt], key=lambda m: (-m.overlap, m.pair_id))
                for prompt, match in whole.found_by_words.items()
            },
        )
    return whole
