"""Nearest images by pixels: each as 16x16 colour values, distances in whole numbers, so that no rounding decides."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.shards import map_shards
from tasks.settings import Settings

SIDE = 16
VALUES = SIDE * SIDE * 3
QUERIES_AT_ONCE = 1024  # bounds the matrix of distances


@dataclass(frozen=True)
class Nearest:
    """For each query, the nearest image found: its distance, its pair and its captions."""

    squared: NDArray[np.int64]  # sum over the 768 values of squared differences of grey levels
    pair_ids: NDArray[np.str_]
    captions: NDArray[np.object_]  # tuples: all captions that its shard has for the image, the pair's own first

    @property
    def mse(self) -> NDArray[np.float64]:
        """Mean squared error of colour values in [0, 1]."""
        return mean_squared(self.squared)

    def part(self, start: int, stop: int | None) -> "Nearest":
        return Nearest(self.squared[start:stop], self.pair_ids[start:stop], self.captions[start:stop])


@dataclass(frozen=True)
class Questions:
    """What is looked for in the corpus: nearest images of thumbnails, and the pairs of captions that were prompted."""

    thumbnails: NDArray[np.uint8]  # [n, 768]
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
    nearest: Nearest
    prompted: dict[str, NDArray[np.uint8]]  # thumbnail of each prompted pair
    images_per_prompt: Counter[str]  # how many images, counted likewise, have exactly this caption
    found_by_words: dict[str, CaptionMatch]


def mean_squared(squared: NDArray[np.int64]) -> NDArray[np.float64]:
    return squared / (VALUES * 255.0**2)


def grey_levels(mse: float) -> float:
    """A mean squared error of values in [0, 1] as the typical difference in grey levels of 255."""
    return float(255 * mse**0.5)


def thumbnails(encoded: Sequence[bytes]) -> NDArray[np.uint8]:
    """Centred squares averaged down to 16x16: uint8 [n, 768]. One that is given several times is decoded once."""
    from models.training.images import centre_crop, decode

    distinct = {data: place for place, data in enumerate(dict.fromkeys(encoded))}
    small = [centre_crop(decode(data), SIDE).reshape(VALUES) for data in distinct]
    return np.stack(small)[[distinct[data] for data in encoded]] if small else np.empty((0, VALUES), np.uint8)


def shard_thumbnails(column: str, uri: str) -> NDArray[np.uint8]:
    """Thumbnails of the images in a column of a shard, in its order."""
    return thumbnails(schemas.read_table(uri, [column])[column].to_pylist())


def squared_distances(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[n, m]. Whole numbers below 2^53 in float64: exact whatever the order of summation."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    products = left @ right.T
    return ((left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * products).astype(np.int64)


def scan(uris: Sequence[str], questions: Questions, settings: Settings) -> Scan | None:
    """Asks all shards of a corpus; None where there are none."""
    parts = map_shards(partial(scan_shard, questions), uris, settings)
    return _merged(parts) if parts else None


def scan_shard(questions: Questions, uri: str) -> Scan:
    """Asks one shard of a corpus. Runs in a Dask worker."""
    table = schemas.read_table(uri, ["pair_id", "caption", "image"])
    order = pc.sort_indices(table["pair_id"])  # of two images equally near, the lower id is meant
    table = table.take(order)
    pair_ids, captions = table["pair_id"].to_pylist(), table["caption"].to_pylist()
    images = table["image"].to_pylist()
    corpus = thumbnails(images)
    said: dict[bytes, dict[str, None]] = defaultdict(dict)  # in the order of the pairs
    for image, caption in zip(images, captions, strict=True):
        said[image][caption] = None
    captions_of = {image: tuple(own) for image, own in said.items()}
    each = np.fromiter((captions_of[image] for image in images), object, len(images))
    prompts = set(questions.prompts)
    return Scan(
        images=len(captions_of),
        nearest=_nearest_in(corpus, np.array(pair_ids), each, questions.thumbnails),
        prompted={pair_id: corpus[i] for i, pair_id in enumerate(pair_ids) if pair_id in questions.pair_ids},
        images_per_prompt=Counter(caption for own in captions_of.values() for caption in own if caption in prompts),
        found_by_words=_found_by_words(questions.prompts, pair_ids, captions, corpus),
    )


def either(first: Nearest, second: Nearest | None) -> Nearest:
    """The nearer of two answers for each query."""
    if second is None:
        return first
    closer = (second.squared < first.squared) | ((second.squared == first.squared) & (second.pair_ids < first.pair_ids))
    return Nearest(
        np.where(closer, second.squared, first.squared),
        np.where(closer, second.pair_ids, first.pair_ids),
        np.where(closer, second.captions, first.captions),
    )


def _nearest_in(
    corpus: NDArray[np.uint8], pair_ids: NDArray[np.str_], captions: NDArray[np.object_], queries: NDArray[np.uint8]
) -> Nearest:
    found, squared = [], []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        distances = squared_distances(queries[start : start + QUERIES_AT_ONCE], corpus)
        found.append(distances.argmin(1))
        squared.append(distances.min(1))
    which = np.concatenate(found) if found else np.empty(0, np.int64)
    least = np.concatenate(squared) if squared else np.empty(0, np.int64)
    return Nearest(least, pair_ids[which], captions[which])


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
            nearest=either(whole.nearest, part.nearest),
            prompted=whole.prompted | part.prompted,
            images_per_prompt=whole.images_per_prompt + part.images_per_prompt,
            found_by_words={
                prompt: min(match, part.found_by_words[prompt], key=lambda m: (-m.overlap, m.pair_id))
                for prompt, match in whole.found_by_words.items()
            },
        )
    return whole
