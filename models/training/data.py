"""The image-caption pairs of packed shards: pixels decoded on demand, and cached within a bound."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from models.training.config import ImageShards
from models.training.distributed import Ranks, workers_of
from models.training.errors import DataError
from models.training.images import Pixels, centre_crop, decode, dvae_crop
from models.training.shards import Shards
from models.training.windows import ROW, Rows

Crop = Callable[[Pixels, int, np.random.Generator], Pixels]
PAIR_ID, CAPTION, IMAGE = "pair_id", "caption", "image"


class PixelCache:
    """Decoded images up to a number of bytes; the one that was not used for longest makes room. For any thread.

    A process that is forked from this one keeps nothing, so that the bound holds for all together.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._images: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self._lock = threading.Lock()
        self._process = os.getpid()

    def get(self, key: tuple[int, int]) -> Pixels | None:
        """The image of a row in a size; None if it is not here."""
        with self._lock:
            found = self._images.get(key)
            if found is not None:
                self._images.move_to_end(key)
        return found

    def put(self, key: tuple[int, int], image: Pixels) -> None:
        """Keep an image, unless it is larger than the whole cache."""
        if image.nbytes > self.most_bytes or os.getpid() != self._process:
            return
        with self._lock:
            if key in self._images:
                return
            self._images[key] = image
            self.bytes += image.nbytes
            while self.bytes > self.most_bytes:
                self.bytes -= self._images.popitem(last=False)[1].nbytes


class Pairs:
    """Image-caption pairs of some shards. Memory holds the decoded images of the cache, and no encoded ones.

    Attributes:
        shards: where they are read from.
        cache: of decoded images.
        workers: processes that decode the images of a training; 0: this one.
    """

    def __init__(self, uris: Sequence[str], cache_mb: int = 512, workers: int = 0) -> None:
        """Read the footers of the shards.

        Args:
            cache_mb: bound on decoded images, MiB.

        Raises:
            DataError: a shard is unreadable, or there are shards but no pairs.
        """
        self.shards = Shards(uris, [PAIR_ID, CAPTION, IMAGE])
        self.cache = PixelCache(cache_mb * 2**20)
        self.workers = workers

    def __len__(self) -> int:
        return len(self.shards)

    def captions(self, indices: Sequence[int]) -> list[str]:
        """Captions of some pairs; reads no images."""
        return self.shards.take(indices, [CAPTION])[CAPTION]

    def image(self, index: int) -> Pixels:
        """Pixels of one pair in their stored size: uint8 [H, W, 3].

        Raises:
            DataError: the image cannot be read or decoded; the methods below raise this too.
        """
        rows = self.shards.take([index], [PAIR_ID, IMAGE])
        return self._stored(index, rows[PAIR_ID][0], rows[IMAGE][0])

    def squares(self, indices: Sequence[int], size: int) -> Tensor:
        """Centred squares of some pairs: uint8 [B, 3, size, size], channels last in memory."""
        found = {index: self.cache.get((index, size)) for index in indices}
        missing = [index for index, image in found.items() if image is None]
        rows = self.shards.take(missing, [PAIR_ID, IMAGE]) | {ROW: missing}
        found |= dict(zip(missing, self._squares(rows, size), strict=True))
        return to_tensor((image for index in indices if (image := found[index]) is not None), len(indices), size)

    def squares_of(self, rows: Rows, size: int) -> Tensor:
        """Centred squares of rows that were read already: as `squares`."""
        return to_tensor(self._squares(rows, size), len(rows[ROW]), size)

    def crops_of(self, rows: Rows, size: int, randoms: Sequence[np.random.Generator], crop: Crop = dvae_crop) -> Tensor:
        """Random crops of rows that were read already: uint8 [B, 3, size, size], channels last in memory.

        Args:
            randoms: a generator for each row.

        Raises:
            ImageTooSmallError: the short side of an image is below `size`.
        """
        pairs = zip(rows[ROW], rows[PAIR_ID], rows[IMAGE], randoms, strict=True)
        crops = (
            _cropped(self._stored(int(row), name, encoded), name, size, random, crop)
            for row, name, encoded, random in pairs
        )
        return to_tensor(crops, len(rows[ROW]), size)

    def _squares(self, rows: Rows, size: int) -> Iterator[Pixels]:
        for row, name, encoded in zip(rows[ROW], rows[PAIR_ID], rows[IMAGE], strict=True):
            key = (int(row), size)
            square = self.cache.get(key)
            if square is None:
                square = centre_crop(_decoded(name, encoded), size)
                self.cache.put(key, square)
            yield square

    def _stored(self, row: int, name: str, encoded: bytes | pa.Buffer) -> Pixels:
        key = (row, 0)
        image = self.cache.get(key)
        if image is None:
            image = _decoded(name, encoded)
            self.cache.put(key, image)
        return image


def opened(data: ImageShards, ranks: Ranks) -> tuple[Pairs, Pairs]:
    """The training and the validation pairs of a job.

    Raises:
        DataError: a shard is unreadable or holds no pairs.
    """
    workers = workers_of(data.workers, ranks)
    return Pairs(data.train, data.cache_mb, workers), Pairs(data.val, data.cache_mb)


def to_tensor(images: Iterable[Pixels], count: int, size: int) -> Tensor:
    """`count` images of [size, size, 3] to uint8 [B, 3, size, size], channels last in memory."""
    # Each is copied before the next is made, while the processor's cache has it; the next one then takes its memory.
    batch = np.empty((count, size, size, 3), np.uint8)
    for place, image in zip(batch, images, strict=True):
        place[:] = image
    return torch.from_numpy(batch).permute(0, 3, 1, 2)


def _decoded(name: str, encoded: bytes | pa.Buffer) -> Pixels:
    try:
        return decode(encoded if isinstance(encoded, bytes) else encoded.to_pybytes())
    except DataError as error:
        raise DataError(f"pair {name}: {error}") from error


def _cropped(image: Pixels, name: str, size: int, random: np.random.Generator, crop: Crop) -> Pixels:
    try:
        return crop(image, size, random)
    except DataError as error:
        raise type(error)(f"pair {name}: {error}") from error
