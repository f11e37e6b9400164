"""The weights of the prior by name and shape, without making the model. Imports no torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod

from models.prior.config import PriorModelConfig


@dataclass(frozen=True)
class Weight:
    """One parameter, as `models.prior.model.Prior` has it.

    Attributes:
        shape: in torch's order, [out, in].
        layer: of its block, from 0; None outside the blocks.
        parts: matrices that are stacked in it; those of queries, keys and values are three.
        sharded_axis: along which the paper cuts it for compression (4.2).
    """

    name: str
    shape: tuple[int, ...]
    layer: int | None = None
    parts: int = 1
    sharded_axis: int = 0

    @property
    def size(self) -> int:
        """Numbers in it."""
        return prod(self.shape)

    @property
    def is_matrix_of_a_block(self) -> bool:
        """Kept in 16 bits and compressed in the paper, unlike embeddings, heads, gains and biases (3.3, 4.3)."""
        return self.layer is not None and len(self.shape) == 2

    def shard_size(self, shards: int) -> int:
        """Numbers of it on one rank; `fully_shard` cuts the first axis, and the last shards may be padded."""
        return ceil(self.shape[0] / shards) * prod(self.shape[1:])


def prior_weights(c: PriorModelConfig) -> list[Weight]:
    """All parameters of a prior, in its order."""
    d = c.width
    text_rows = c.text_vocab + c.text_length
    outside: dict[str, tuple[int, ...]] = {
        "embedding.text_token.weight": (text_rows + int(c.start_of_text), d),
        "embedding.text_position.weight": (c.text_length, d),
        "embedding.image_token.weight": (c.image_vocab + 1, d),
        "embedding.row.weight": (c.grid, d),
        "embedding.column.weight": (c.grid, d),
    }
    heads: dict[str, tuple[int, ...]] = {
        "norm.weight": (d,),
        "norm.bias": (d,),
        "text_head.weight": (text_rows, d),
        "text_head.bias": (text_rows,),
        "image_head.weight": (c.image_vocab, d),
        "image_head.bias": (c.image_vocab,),
    }
    blocks = [weight for layer in range(c.layers) for weight in _block(layer, d)]
    return [*_named(outside), *blocks, *_named(heads)]


def _named(shapes: dict[str, tuple[int, ...]]) -> Iterator[Weight]:
    return (Weight(name, shape) for name, shape in shapes.items())


def _block(layer: int, d: int) -> Iterator[Weight]:
    def own(name: str, *shape: int, parts: int = 1, axis: int = 0) -> Weight:
        return Weight(f"blocks.{layer}.{name}", shape, layer, parts, axis)

    yield own("attention_norm.weight", d)
    yield own("attention_norm.bias", d)
    yield own("attention.qkv.weight", 3 * d, d, parts=3)
    yield own("attention.qkv.bias", 3 * d)
    yield own("attention.out.weight", d, d)
    yield own("attention.out.bias", d)
    yield own("mlp_norm.weight", d)
    yield own("mlp_norm.bias", d)
    yield own("mlp_in.weight", 4 * d, d)
    yield own("mlp_in.bias", 4 * d)
    yield own("mlp_out.weight", d, 4 * d, axis=1)
    yield own("mlp_out.bias", d)
