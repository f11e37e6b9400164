"""What becomes of the rows of a shard."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.dedup.exchanges import Exchanges
from tasks.dedup.images import Surplus
from tasks.dedup.records import EVALUATION, SPLITS
from tasks.dedup.signatures import SHARD_BITS
from tasks.dedup.twins import same_as
from tasks.engine import storage


def verdicts_of(exchanges: Exchanges, max_captions: int, shard: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """The split of each row of a shard; and why it is dropped, reason and detail, or two nulls."""
    rows = exchanges.captions.read(exchanges.key_parts, shard)
    rows = rows[np.argsort(rows["row"])]
    files = exchanges.verdicts.read(exchanges.key_parts, shard)
    files = files[np.argsort(files["digest"])]
    files = files[np.searchsorted(files["digest"], rows["digest"])]
    reasons: list[str | None] = [None] * len(rows)
    details: list[str | None] = [None] * len(rows)

    @cache
    def names(part: int) -> list[str]:
        found: list[str] = storage.read_json(exchanges.names(part))
        return found

    def cosine_of(verdict: Any) -> str:
        return "" if np.isnan(verdict["cosine"]) else f", cosine {verdict['cosine']:.4f}"

    def why(place: int) -> tuple[str, str]:
        row, kept = rows[place], files[place]
        if kept["order"] == EVALUATION:
            signer, image = divmod(int(kept["row"]), 1 << SHARD_BITS)
            return "in_evaluation_set", f"matches {names(signer - exchanges.shards)[image]}{cosine_of(kept)}"
        if row["image"] != kept["image"]:
            return "exact_duplicate", same_as(kept["pair"])
        if kept["image"] != kept["row"]:
            return "near_duplicate", same_as(kept["pair"]) + cosine_of(kept)
        if row["surplus"] == Surplus.CAPTION_REPEATED:
            return "exact_duplicate", same_as(row["twin"])
        return "too_many_captions", f"more than {max_captions} of one image"

    dropped = (rows["image"] != files["row"]) | (rows["surplus"] != Surplus.NOTHING)
    for place in np.flatnonzero(dropped).tolist():
        reasons[place], details[place] = why(place)
    splits = pa.array([SPLITS[split] for split in rows["split"].tolist()], pa.string())
    return splits, pa.array(reasons, pa.string()), pa.array(details, pa.string())
