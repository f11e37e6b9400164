"""The image-caption pairs of packed shards, decoded on demand and cached within a bound."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from models.training.errors import DataError
from models.training.images import Pixels, centre_crop, decode, dvae_crop
from models.training.randomness import Step
from models.training.shards import read_columns

Crop = Callable[[Pixels, int, np.random.Generator], Pixels]


class Pairs:
    """Image-caption pairs of some shards.

    Encoded images stay in memory as Arrow buffers. Decoded ones are cached until `cache_mb` MiB are used up; all
    others are decoded anew each time.

    Attributes:
        pair_ids: one id per pair.
        captions: one caption per pair.
    """

    def __init__(self, uris: Sequence[str], cache_mb: int = 512) -> None:
        """Read the shards.

        Raises:
            DataError: a shard is unreadable, or there are shards but no pairs.
        """
        table = read_columns(uris, ["pair_id", "caption", "image"])
        if uris and table.num_rows == 0:
            raise DataError(f"no pairs in {', '.join(uris)}")
        self.pair_ids: list[str] = table.column("pair_id").to_pylist()
        self.captions: list[str] = table.column("caption").to_pylist()
        self._encoded = table.column("image")
        self._room = cache_mb * 2**20
        self._decoded: dict[tuple[int, int], Pixels] = {}

    def __len__(self) -> int:
        return len(self.pair_ids)

    def image(self, index: int) -> Pixels:
        """Pixels of one pair in their stored size: uint8 [H, W, 3].

        Raises:
            DataError: the image cannot be decoded; the methods below raise this too.
        """
        return self._kept((index, 0), lambda: self._decode(index))

    def square(self, index: int, size: int) -> Pixels:
        """The centred square of one pair: uint8 [size, size, 3]."""
        return self._kept((index, size), lambda: centre_crop(self._decode(index), size))

    def squares(self, indices: Sequence[int], size: int) -> Tensor:
        """Centred squares: uint8 [B, 3, size, size], channels last in memory."""
        return to_tensor([self.square(index, size) for index in indices])

    def crops(self, indices: Sequence[int], size: int, step: Step, crop: Crop = dvae_crop) -> Tensor:
        """Randomly cropped images of one step: uint8 [B, 3, size, size], channels last in memory.

        Raises:
            ImageTooSmallError: the short side of an image is below `size`.
        """
        random = step.numpy("crop")
        return to_tensor([crop(self.image(index), size, random) for index in indices])

    def _decode(self, index: int) -> Pixels:
        try:
            return decode(self._encoded[index].as_py())
        except DataError as error:
            raise DataError(f"pair {self.pair_ids[index]}: {error}") from error

    def _kept(self, key: tuple[int, int], make: Callable[[], Pixels]) -> Pixels:
        found = self._decoded.get(key)
        if found is None:
            found = make()
            if found.nbytes <= self._room:
                self._room -= found.nbytes
                self._decoded[key] = found
        return found


def to_tensor(images: Sequence[Pixels]) -> Tensor:
    """Equally large images to uint8 [B, 3, H, W], channels last in memory."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
