"""What the tasks of dedup hand to each other about rows and images."""

from typing import Any

import numpy as np

from tasks.dedup.cells import CELLS_EACH
from tasks.dedup.near_duplicates import THUMBNAIL_SIDE

KEY_BYTES = 16  # of a SHA-256, which stand for a text or a file
HASH_BYTES = 32  # as `packed` makes them

# The order in which images are kept, the smallest first. `order` has the split and the pixels; 0 is the evaluation set.
# `row` is the number of a shard and a place in it, or of a part of the evaluation set.
RANK = [("order", "<u8"), ("pair", "<u8"), ("row", "<u8")]
EVALUATION = 0

_DIGEST = ("digest", f"S{KEY_BYTES}")
_SHARD = ("shard", "<u4")
_SPLIT = ("split", "u1")
_COSINE = ("cosine", "<f4")
_LOOK = [("hash", "u1", (HASH_BYTES,)), ("thumbnail", "u1", (THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3))]

# The cells in which an image is compared by its vector; `NOWHERE` for none.
_CELLS = ("cells", "<u4", (CELLS_EACH,))

# A row of a shard; its split is a place in `SPLITS`.
ROW = np.dtype([("url", f"S{KEY_BYTES}"), ("caption", f"S{KEY_BYTES}"), _DIGEST, _SPLIT, ("pixels", "<i8"), *RANK[1:]])
# A file, from each shard that has it; and its hash alone.
SIGNATURE = np.dtype([_DIGEST, _SHARD, *_LOOK])
HASH = np.dtype([_DIGEST, _LOOK[0]])
# A file at a URL with the rank of its first row.
IMAGE = np.dtype([_DIGEST, *RANK])
# A row as its image sees it: the first row of the image, and what is wrong with the row if the image is kept.
CAPTION = np.dtype([("row", "<u8"), _DIGEST, ("image", "<u8"), _SPLIT, ("surplus", "u1"), ("twin", "<u8")])
# A file that is close to another one in a part of the hashes or of the vectors.
MARK = np.dtype([_DIGEST, ("part", "<u4")])
# The first image of a file that is close to another one; and of every file, for each shard that has it.
SUSPECT = np.dtype([_DIGEST, *RANK, _CELLS, *_LOOK])
HOLDER = np.dtype([_DIGEST, _SHARD, *RANK])
# Whether a suspect is kept, as far as is known; and what one part of the hashes says about the suspect of a row.
STATE = np.dtype([("state", "u1")])
FINDING = np.dtype([("row", "<u8"), ("finding", "u1")])
# The image that is kept in place of a file; and of every file, its first image and the one that is kept. The cosine
# of both is not a number where they look alike by hash and thumbnail.
KEEPER = np.dtype([_DIGEST, *RANK, _COSINE])
VERDICT = np.dtype([_DIGEST, ("image", "<u8"), *RANK, _COSINE])

SPLITS = (None, "train", "validation")  # of a URL the last one counts that any of its rows states


def vector(dimension: int) -> np.dtype[Any]:
    """A file with its vector."""
    return np.dtype([_DIGEST, ("vector", "<f2", (dimension,))])


def suspect_vector(dimension: int) -> np.dtype[Any]:
    """As `SUSPECT`, with the vector in place of the thumbnail."""
    return np.dtype([_DIGEST, *RANK, _CELLS, _LOOK[0], ("vector", "<f2", (dimension,))])
