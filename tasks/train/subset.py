"""Leaves a share of the training images for the prior, to see what more data would give with all else equal."""

import hashlib
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from models.config import Frozen
from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.errors import SourceError
from tasks.train.trainer import require_input

HASHES = 1 << 32
LEFT_OUT = "left_out_by_share"

Item = tuple[str, str | None]  # a shard of tokens, and of training tokens that of their pairs


class TrainingShare(Frozen):
    """A share of the training images, by a hash of their URLs: a larger one of the same seed has the same and more."""

    share: float = Field(1.0, gt=0, le=1, description="Of the training images, each with all its captions.")
    seed: int = Field(0, ge=0, description="Another seed, other images.")

    def holds(self, url: str) -> bool:
        """Whether the image of a URL is in it."""
        digest = hashlib.sha256(f"share {self.seed} {url}".encode(errors="replace")).digest()
        return int.from_bytes(digest[:4], "big") < self.share * HASHES

    def is_within(self, other: "TrainingShare") -> bool:
        """Whether all its images are in the other one too."""
        return other.share == 1 or (self.seed == other.seed and self.share <= other.share)


class Config(TrainingShare, StageConfig):
    """Which training images the prior sees. With all of them the stage is left out of the pipeline."""


@stage(
    Config,
    reads={"tokens": {"train": schemas.TOKENS, "val": schemas.TOKENS}, "pairs": {"train": schemas.PAIRS}},
)
def subset(config: Config, output: Output, tokens: Artifact, pairs: Artifact, tokenizer: Artifact) -> None:
    """The tokens of a share of the training images, with all captions and encodings; held-out tokens stay as they are.

    Only the prior gets less data by it: both tokenizers and the ranker are those of all pairs.

    Raises:
        ModelMismatchError: the tokens were made of other pairs or by another image tokenizer.
        SourceError: no training image is left.
    """
    require_input(tokens, "pairs", pairs)
    require_input(tokens, "tokenizer", tokenizer)
    # `extract` makes one shard of each.
    train = zip(tokens.files("train"), pairs.files("train"), strict=True)
    shards: list[Item] = [*train, *((uri, None) for uri in tokens.files("val"))]
    markers = output.map(partial(subset_shard, config), shards, "encodings")
    if not any(file.path.startswith("train-") for marker in markers for file in marker.files):
        raise SourceError(f"A share of {config.share:g} leaves no training image: raise subset.share.")


def subset_shard(share: TrainingShare, shard: Item) -> Shard:
    """The rows of a shard whose images are in the share; the others are rejects. Memory holds one shard."""
    uri, pairs = shard
    table = schemas.read_table(uri)
    if pairs is None:
        return Shard(table.num_rows, {"val": table})
    named = schemas.read_table(pairs, ["pair_id", "url"])
    held = pa.array([share.holds(url) for url in named["url"].to_pylist()], pa.bool_())
    is_held = pc.is_in(table["pair_id"], value_set=named["pair_id"].filter(held))
    reasons = pc.if_else(is_held, pa.scalar(None, pa.string()), LEFT_OUT)
    rejects = schemas.rejects(table, reasons, pa.repeat(f"share {share.share:g}", table.num_rows))
    return Shard(table.num_rows, {"train": table.filter(is_held)}, rejects)
