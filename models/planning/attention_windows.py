"""Keys that each pattern of attention allows, and those that are computed (paper B.1, figure 11). Imports no torch."""

from models.prior.config import MaskType, PriorModelConfig

BLOCK = 16  # `models.prior.structure.BLOCK`: image positions that share a window


def allowed_pairs(kind: MaskType, c: PriorModelConfig) -> int:
    """Pairs of a query and a key of one stream that a pattern allows, as `masks.stream_mask` has them."""
    text, n, w = c.text_length, c.codes_per_image, c.grid
    if kind == "row":
        image = n * (w + 1) - w * (w + 1) // 2
    elif kind == "column":
        image = n * (w + 1) // 2
    elif kind == "conv":
        image = sum(max(0, n - distance) for distance in _conv_distances(w, c.conv_kernel))
    else:
        image = n * (n + 1) // 2
    return text * (text + 1) // 2 + text * n + image


def computed_pairs(kind: MaskType, c: PriorModelConfig) -> int:
    """Pairs whose scores are computed: whole windows in the structural form, every pair in a dense one."""
    if kind == "full" or c.attention_form != "structural":
        return c.length**2
    return c.text_length**2 + c.codes_per_image * (c.text_length + window_keys(kind, c)[0])


def window_keys(kind: MaskType, c: PriorModelConfig) -> tuple[int, int]:
    """Image keys K of a block's window, and image positions t of a block, as `structure.windows_of` has them."""
    w, reach = c.grid, (c.conv_kernel - 1) // 2
    block = BLOCK if w % BLOCK == 0 else w
    if kind == "row":
        return w + block, block
    if kind == "column":
        return w, w
    if block + 2 * reach > w:
        return reach * w + reach + block, block
    return reach * (block + 2 * reach) + block + reach, block


def _conv_distances(grid: int, kernel: int) -> set[int]:
    """Distances d >= 0 from a query back to a key that the conv pattern allows (figure 11d)."""
    reach = (kernel - 1) // 2
    found = {row * grid + column for row in range(reach + 1) for column in range(-reach, reach + 1)}
    return {distance for distance in found if distance >= 0}
