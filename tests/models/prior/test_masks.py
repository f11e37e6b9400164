"""Masks against a worked example, the counts that follow from the paper, and a brute-force definition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.prior.config import MaskType, PriorModelConfig, mask_type
from models.prior.masks import image_mask, stream_mask

KINDS: tuple[MaskType, ...] = ("row", "column", "conv", "full")

TABLE = {  # T = 6, W = 4, k = 3: allowed image keys of some queries
    0: ([0], [0], [0]),
    3: ([0, 1, 2, 3], [3], [0, 2, 3]),
    4: ([0, 1, 2, 3, 4], [0, 4], [0, 1, 3, 4]),
    7: ([3, 4, 5, 6, 7], [3, 7], [2, 3, 4, 6, 7]),
    10: ([6, 7, 8, 9, 10], [2, 6, 10], [5, 6, 7, 9, 10]),
    15: ([11, 12, 13, 14, 15], [3, 7, 11, 15], [10, 11, 12, 14, 15]),
}


def _config(text: int, grid: int, kernel: int) -> PriorModelConfig:
    return PriorModelConfig(text_length=text, grid=grid, conv_kernel=kernel)


@pytest.mark.parametrize("query", TABLE)
def test_the_worked_example_of_the_paper(query: int) -> None:
    for kind, keys in zip(KINDS, TABLE[query], strict=False):
        assert image_mask(kind, 4, 3)[query].nonzero().flatten().tolist() == keys


@pytest.mark.parametrize(
    ("kind", "small", "paper"),
    [("row", 187, 328_304), ("column", 157, 311_936), ("conv", 184, 352_209), ("full", 253, 819_840)],
)
def test_the_number_of_allowed_pairs(kind: MaskType, small: int, paper: int) -> None:
    assert int(stream_mask(kind, _config(6, 4, 3)).sum()) == small
    assert int(stream_mask(kind, _config(256, 32, 11)).sum()) == paper


def _allowed(kind: MaskType, query: int, key: int, text: int, grid: int, kernel: int) -> bool:
    """The definition, one pair at a time."""
    if key > query:
        return False
    if key < text:
        return True
    distance = query - key
    if kind == "row":
        return distance <= grid
    if kind == "column":
        return (query - text) % grid == (key - text) % grid
    if kind == "conv":
        reach = (kernel - 1) // 2
        return any(distance == a * grid + e for a in range(reach + 1) for e in range(-reach, reach + 1))
    return True


@given(
    kind=st.sampled_from(KINDS),
    text=st.integers(2, 6),
    grid=st.integers(1, 6),
    kernel=st.sampled_from([1, 3, 5, 11]),
)
def test_every_mask_equals_the_brute_force(kind: MaskType, text: int, grid: int, kernel: int) -> None:
    mask = stream_mask(kind, _config(text, grid, kernel))
    length = text + grid**2
    expected = [[_allowed(kind, q, k, text, grid, kernel) for k in range(length)] for q in range(length)]
    assert mask.tolist() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_position_sees_itself_and_nothing_later(kind: MaskType) -> None:
    mask = stream_mask(kind, _config(5, 6, 5))
    assert mask.diagonal().all()
    assert not mask.triu(1).any()


def test_a_row_and_a_column_layer_together_reach_every_earlier_cell() -> None:
    row, column = (image_mask(kind, 6, 3).float() for kind in ("row", "column"))
    reach = (column @ row) > 0
    assert torch.equal(reach, torch.ones(36, 36, dtype=torch.bool).tril())


def test_the_layer_schedule_of_the_paper() -> None:
    kinds = [mask_type(layer, 64) for layer in range(1, 65)]
    assert kinds[:6] == ["row", "column", "row", "row", "row", "column"]
    assert kinds[-1] == "conv"
    assert (kinds.count("row"), kinds.count("column"), kinds.count("conv")) == (47, 16, 1)
    assert [i + 1 for i, kind in enumerate(kinds) if kind == "column"] == list(range(2, 63, 4))


def test_dense_attention_is_full_in_every_layer() -> None:
    assert PriorModelConfig(attention="full", layers=3).mask_types == ("full", "full", "full")
