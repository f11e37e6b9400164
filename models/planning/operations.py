"""Operations of a training of the prior: two for each multiplication with its addition. Imports no torch."""

from models.planning.attention_windows import allowed_pairs, computed_pairs
from models.prior.config import PriorModelConfig


def forward_flops(c: PriorModelConfig, computed: bool = False) -> int:
    """Of the forward pass of one stream, all matrix products.

    Args:
        computed: count attention as it is computed, in whole windows, and not by the pairs that its pattern allows.
    """
    return blocks_flops(c, computed) + heads_flops(c)


def blocks_flops(c: PriorModelConfig, computed: bool = False) -> int:
    """Of the blocks: 24 d^2 a position for the matrices, and 4 d for each pair of a query and a key."""
    pairs = computed_pairs if computed else allowed_pairs
    matrices = 24 * c.width**2 * c.length * c.layers
    return matrices + sum(4 * c.width * pairs(kind, c) for kind in c.mask_types)


def heads_flops(c: PriorModelConfig) -> int:
    """Of both heads, each over its own positions."""
    text = (c.text_length - 1) * (c.text_vocab + c.text_length)
    return 2 * c.width * (text + c.codes_per_image * c.image_vocab)


def model_flops(c: PriorModelConfig) -> int:
    """Of a training example: forward, and twice that for the gradients; what utilisation is usually counted by."""
    return 3 * forward_flops(c)


def hardware_flops(c: PriorModelConfig, checkpointing: bool) -> int:
    """Of a training example as it is computed: with checkpointing, the blocks' forward pass once more."""
    return 3 * forward_flops(c, computed=True) + (blocks_flops(c, computed=True) if checkpointing else 0)
