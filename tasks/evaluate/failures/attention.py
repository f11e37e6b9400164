"""Where the image positions of the prior look in the caption, for a few held-out pairs."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from pydantic import Field

from models.inspection import TextAttention
from models.processor import torch_threads
from tasks import schemas
from tasks.checkpoints import generator_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.quantities import HeatMap, Part
from tasks.evaluate.statistics import plain
from tasks.settings import Settings

PAIRS = 4
WEIGHT = "of the weight"


class CaptionAttention(Part):
    """The first held-out pairs, in the order of their ids, which are hashes."""

    pairs: dict[str, HeatMap] = Field(
        title="Where the picture looks in its caption",
        description="Weight of attention on each token of the caption: mean over the layers of a kind, their heads and "
        "all positions of the picture.",
    )


def measure(evidence: Evidence) -> CaptionAttention | None:
    """None for a generator without such weights, and where no pair is held out."""
    pairs = {caption: _grid(seen) for caption, seen in evidence.attention.items()}
    return CaptionAttention(pairs=pairs) if pairs else None


def _grid(seen: TextAttention) -> HeatMap:
    kinds = list(seen.on_tokens)
    rest = ", ".join(f"{100 * (1 - sum(seen.on_tokens[kind])):.0f}% in {kind} layers" for kind in kinds)
    return HeatMap(
        rows=tuple(tuple(map(plain, seen.on_tokens[kind])) for kind in kinds),
        unit="share",
        row_names=tuple(kinds),
        column_names=seen.tokens,
        # A large weight is no proof that a word matters: Jain & Wallace 2019, "Attention is not Explanation".
        note=f"The rest lies on the picture itself and on empty text positions: {rest}.",
    )


def look_at_captions(
    generator: Artifact, reconstructions: Sequence[str], settings: Settings
) -> dict[str, TextAttention]:
    """By caption, where the images of the first rebuilt pairs look; empty for a generator that does not tell."""
    look = partial(look_at_shard, generator, settings)
    return dict(
        pair for part in map_shards(look, reconstructions[:1], settings, afterwards=release_models) for pair in part
    )


def look_at_shard(generator: Artifact, settings: Settings, uri: str) -> list[tuple[str, TextAttention]]:
    """The first pairs of a shard. Runs in a Dask worker."""
    table = schemas.read_table(uri, ["caption", "codes"]).slice(0, PAIRS)
    model = generator_of(generator, settings)
    with torch_threads(1):  # equal machines give equal figures, as in `rebuild_images`
        found = [
            (caption, model.text_attention(caption, np.frombuffer(codes, "<u2")))
            for caption, codes in zip(table["caption"].to_pylist(), table["codes"].to_pylist(), strict=True)
        ]
    return [(caption, seen) for caption, seen in found if seen is not None]
