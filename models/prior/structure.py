"""Sparse attention without an L x L matrix: each block of image positions meets the text and a window of its past.

In raster order every pattern of the paper is a band of distances (B.1), so all blocks of one layer have windows of the
same shape, and two batched matrix products make all of its scores.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import image_distances

BLOCK = 16  # image positions that share a window; the fastest of 8, 16 and 32 on a CPU at grids of 16 and 32


@dataclass(frozen=True)
class KeyWindows:
    """The keys that blocks of image positions can see, in the order in which the layer reads the image.

    Attributes:
        block: image positions of a block, t.
        starts: of each piece of a block's window, relative to the block's first position.
        lengths: of these pieces; all of them together are the K keys of the window.
        columnwise: the image is read column by column, so that columns lie together.
    """

    grid: int
    block: int
    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    columnwise: bool = False

    @property
    def before(self) -> int:
        """Positions by which windows reach over the beginning of the image."""
        return max(0, -min(self.starts))

    @property
    def after(self) -> int:
        """Positions by which windows reach over its end."""
        ends = (start + length for start, length in zip(self.starts, self.lengths, strict=True))
        return max(0, max(ends) - self.block)

    def arrange(self, image: Tensor) -> Tensor:
        """[N, n, D] in raster order to [N, n, D] in the order of the blocks, and back."""
        if not self.columnwise:
            return image
        return image.unflatten(1, (self.grid, self.grid)).transpose(1, 2).flatten(1, 2)

    def gather(self, image: Tensor) -> Tensor:
        """The windows of an arranged [N, n, D]: [N * blocks, K, D]; zeros beyond the image."""
        padded = torch.nn.functional.pad(image, (0, 0, self.before, self.after)).contiguous()
        rows, positions, size = padded.shape
        strides = (positions * size, self.block * size, size, 1)
        blocks = image.shape[1] // self.block
        pieces = [
            padded.as_strided((rows, blocks, length, size), strides, (self.before + start) * size)
            for start, length in zip(self.starts, self.lengths, strict=True)
        ]
        return (torch.cat(pieces, dim=2) if len(pieces) > 1 else pieces[0]).reshape(rows * blocks, -1, size)

    def scatter(self, windows: Tensor, positions: int) -> Tensor:
        """Adds up what windows [N * blocks, K, D] hold for each position: [N, n, D], the reverse of `gather`."""
        blocks = positions // self.block
        windows = windows.unflatten(0, (-1, blocks))
        rows, size = windows.shape[0], windows.shape[-1]
        # Padded to whole blocks, a window's pieces of t keys fall on blocks.
        room = -(-(self.before + positions + self.after + max(self.lengths)) // self.block) + 1
        total = windows.new_zeros(rows, room * self.block, size)
        for start, piece in zip(self.starts, windows.split(self.lengths, dim=2), strict=True):
            for offset in range(0, piece.shape[2], self.block):
                part = piece[:, :, offset : offset + self.block]
                first = self.before + start + offset
                place = total[:, first : first + blocks * self.block].unflatten(1, (blocks, self.block))
                place[:, :, : part.shape[2]] += part
        return total[:, self.before : self.before + positions]


def windows_of(kind: MaskType, grid: int, kernel: int) -> KeyWindows:
    """The windows of a layer kind. Smaller blocks would see fewer keys in vain, but make smaller matrices."""
    block = BLOCK if grid % BLOCK == 0 else grid
    reach = (kernel - 1) // 2
    if kind == "row":
        return KeyWindows(grid, block, (-grid,), (grid + block,))
    if kind == "column":
        return KeyWindows(grid, grid, (0,), (grid,), columnwise=True)
    if block + 2 * reach > grid:  # the pieces would overlap
        above = reach * grid + reach
        return KeyWindows(grid, block, (-above,), (above + block,))
    rows_above = range(1, reach + 1)
    starts = (*(-row * grid - reach for row in reversed(rows_above)), -reach)
    lengths = (*(block + 2 * reach for _ in rows_above), block + reach)
    return KeyWindows(grid, block, starts, lengths)


@lru_cache(maxsize=32)
def _hidden(kind: MaskType, grid: int, kernel: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """What is added to the scores of windows, [blocks, t, K]: 0 where attention is allowed, else -inf."""
    windows = windows_of(kind, grid, kernel)
    positions = torch.arange(grid**2)
    order = windows.arrange(positions[None, :, None])[0, :, 0]
    queries = order.view(-1, windows.block)
    # Positions beyond the image are marked by a number whose distance no kind allows.
    keys = (windows.gather(order[None, :, None].double() + 1)[..., 0] - 1).long()
    distance = queries[:, :, None] - keys[:, None, :]
    allowed = image_distances(kind, grid, kernel, distance) & (keys >= 0)[:, None, :]
    return torch.zeros(allowed.shape, dtype=dtype).masked_fill_(~allowed, float("-inf")).to(device)


@lru_cache(maxsize=8)
def _causal(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.full((length, length), float("-inf"), dtype=dtype, device=device).triu_(1)


class _StructuredAttention(torch.autograd.Function):
    """Softmax over text and window together. Saves the weights; windows are gathered again for the gradients."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, config: PriorModelConfig, kind: MaskType) -> Tensor:
        with torch.autocast(qkv.device.type, enabled=False):  # which would make some of it fp32, and gradients not
            return _StructuredAttention._forward(ctx, qkv, config, kind)

    @staticmethod
    def _forward(ctx: Any, qkv: Tensor, config: PriorModelConfig, kind: MaskType) -> Tensor:
        batch, length, _, heads, size = qkv.shape
        text, windows = config.text_length, windows_of(kind, config.grid, config.conv_kernel)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).reshape(3, batch * heads, length, size).unbind()
        q = q * size**-0.5
        mixed = torch.empty_like(q)
        causal = torch.baddbmm(_causal(text, q.device, q.dtype), q[:, :text], k[:, :text].mT).softmax(-1)
        torch.bmm(causal, v[:, :text], out=mixed[:, :text])

        queries = windows.arrange(q[:, text:]).contiguous()
        hidden = _hidden(kind, config.grid, config.conv_kernel, q.device, q.dtype)
        weights = _scores(queries, k, text, windows, hidden).softmax(-1)
        own = torch.bmm(_blocks(weights[..., text:], windows), windows.gather(windows.arrange(v[:, text:])))
        own = own.view_as(queries).baddbmm_(weights[..., :text], v[:, :text])
        mixed[:, text:] = windows.arrange(own)
        ctx.save_for_backward(q, k, v, causal, weights)
        ctx.windows, ctx.text, ctx.heads = windows, text, heads
        return mixed.unflatten(0, (batch, heads)).transpose(1, 2).flatten(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        q, k, v, causal, weights = ctx.saved_tensors
        windows, text = ctx.windows, ctx.text
        upstream = gradients[0].unflatten(2, (ctx.heads, -1)).transpose(1, 2).flatten(0, 1)
        result = q.new_empty(3, *q.shape)
        dq, dk, dv = result.unbind()

        on_text, dtext = causal, upstream[:, :text]
        dscores = torch._softmax_backward_data(torch.bmm(dtext, v[:, :text].mT), on_text, -1, q.dtype)
        torch.bmm(dscores, k[:, :text], out=dq[:, :text])
        torch.bmm(dscores.mT, q[:, :text], out=dk[:, :text])
        torch.bmm(on_text.mT, dtext, out=dv[:, :text])

        queries, dimage = (windows.arrange(x[:, text:]).contiguous() for x in (q, upstream))
        dscores = torch._softmax_backward_data(_scores(dimage, v, text, windows), weights, -1, q.dtype)
        shared, own = dscores[..., :text], _blocks(dscores[..., text:], windows)
        dqueries = torch.bmm(own, windows.gather(windows.arrange(k[:, text:]))).view_as(queries)
        dq[:, text:] = windows.arrange(dqueries.baddbmm_(shared, k[:, :text]))
        dk[:, :text].baddbmm_(shared.mT, queries)
        dv[:, :text].baddbmm_(weights[..., :text].mT, dimage)
        for target, left, right in ((dk, own, queries), (dv, _blocks(weights[..., text:], windows), dimage)):
            parts = torch.bmm(left.mT, right.view(-1, windows.block, right.shape[-1]))
            target[:, text:] = windows.arrange(windows.scatter(parts, queries.shape[1]))
        dq.mul_(q.shape[-1] ** -0.5)
        return result.unflatten(1, (-1, ctx.heads)).permute(1, 3, 0, 2, 4), None, None


def _scores(image: Tensor, keys: Tensor, text: int, windows: KeyWindows, hidden: Tensor | None = None) -> Tensor:
    """Products of arranged image vectors [N, n, D] with the text's and their windows' keys: [N, n, T + K]."""
    own = windows.gather(windows.arrange(keys[:, text:]))
    on_own = torch.bmm(image.view(-1, windows.block, image.shape[-1]), own.mT)
    if hidden is not None:
        on_own.unflatten(0, (image.shape[0], -1)).add_(hidden)
    on_text = torch.bmm(image, keys[:, :text].mT)
    return torch.cat([on_text, on_own.view(*image.shape[:2], -1)], dim=-1)


def _blocks(image: Tensor, windows: KeyWindows) -> Tensor:
    """[N, n, K], a slice of [N, n, T + K], as [N * blocks, t, K], without a copy."""
    rows, positions, keys = image.shape
    stride = image.stride(1)
    shape = (rows * positions // windows.block, windows.block, keys)
    return image.as_strided(shape, (windows.block * stride, stride, 1))


def structured_attention(qkv: Tensor, config: PriorModelConfig, kind: MaskType) -> Tensor:
    """Attention of whole streams under one sparse pattern.

    Args:
        qkv: queries, keys and values [B, L, 3, H, D], text positions first.
        kind: row, column or conv.

    Returns:
        [B, L, H * D].
    """
    mixed: Tensor = _StructuredAttention.apply(qkv, config, kind)
    return mixed
