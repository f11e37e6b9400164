"""A prior can be made without memory for its weights, so that a large one is given only what a device is to hold."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.prior.config import PriorModelConfig
from models.prior.model import Prior

SMALL: dict[str, Any] = {"text_vocab": 20, "text_length": 6, "image_vocab": 13, "grid": 4, "width": 16, "layers": 4}
SMALL |= {"heads": 2, "conv_kernel": 3}


class Shapes(TorchDispatchMode):
    """The shapes of all tensors that are made inside the block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self.found |= {tuple(each.shape) for each in tree_leaves(result) if isinstance(each, torch.Tensor)}
        return result


def _on_meta(**changes: Any) -> Prior:
    with torch.device("meta"):
        return Prior(PriorModelConfig.model_validate(changes))


def _count(model: Prior, is_counted: Callable[[str], bool]) -> int:
    return sum(p.numel() for name, p in model.named_parameters() if is_counted(name))


def test_the_papers_model_is_made_on_the_meta_device_in_seconds_and_has_its_number_of_weights() -> None:
    started = time.monotonic()
    model = _on_meta()
    assert time.monotonic() - started < 10
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert len(model.blocks) == 64
    assert {(block.attention.heads, block.attention.head_size) for block in model.blocks} == {(62, 64)}
    d = 3968
    matrices = sum(matrix.weight.numel() for matrix in model.matrices())
    assert matrices == 64 * 12 * d**2 == 12_092_178_432
    gains_and_biases = 64 * (2 * 2 * d + 3 * d + d + 4 * d + d)
    assert _count(model, lambda name: name.startswith("blocks.")) == matrices + gains_and_biases
    assert model.embedding.text_token.weight.shape == (16_384 + 256, d)
    assert model.embedding.image_token.weight.shape == (8_192 + 1, d)
    assert _count(model, lambda name: name.startswith("text_head.")) == (16_384 + 256) * (d + 1)
    assert _count(model, lambda name: name.startswith("image_head.")) == 8_192 * (d + 1)


@pytest.mark.parametrize(("width", "heads", "billions"), [(1920, 30, 2.83), (2688, 42, 5.55), (3968, 62, 12.09)])
def test_the_models_of_table_one_have_its_sizes(width: int, heads: int, billions: float) -> None:
    matrices = _on_meta(width=width, heads=heads).matrices()
    assert sum(matrix.weight.numel() for matrix in matrices) == pytest.approx(billions * 1e9, rel=2e-3)


def test_a_prior_makes_no_tensor_but_its_weights_and_has_no_buffer() -> None:
    config = PriorModelConfig.model_validate(SMALL)
    with Shapes() as shapes:
        model = Prior(config)
    assert shapes.found <= {tuple(p.shape) for p in model.parameters()}
    assert list(model.buffers()) == []


def test_weights_drawn_after_to_empty_are_those_of_a_model_made_at_once() -> None:
    late = _on_meta(**SMALL).to_empty(device="cpu")
    for parameter in late.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    late.initialise(seed=3)
    at_once = Prior(PriorModelConfig.model_validate(SMALL), seed=3)
    for name, weight in at_once.state_dict().items():
        assert torch.equal(late.state_dict()[name], weight), name
    captions, codes = torch.zeros(1, 6, dtype=torch.int64), torch.zeros(1, 16, dtype=torch.int64)
    assert all(torch.isfinite(logits).all() for logits in late(captions, codes))


def test_initial_weights_depend_on_the_seed_and_their_names_only() -> None:
    deep, shallow, other = (
        Prior(PriorModelConfig.model_validate(SMALL | {"layers": layers}), seed).state_dict()
        for layers, seed in ((4, 0), (3, 0), (4, 1))
    )
    same = [name for name in shallow if not name.endswith(("out.weight", "mlp_out.weight"))]
    assert all(torch.equal(deep[name], shallow[name]) for name in same)
    assert not any(torch.equal(deep[name], other[name]) for name in deep if deep[name].ndim == 2)
    first, second = deep["blocks.0.mlp_in.weight"], deep["blocks.1.mlp_in.weight"]
    assert not torch.equal(first, second)


def test_initial_weights_have_the_spread_that_is_meant() -> None:
    c = PriorModelConfig.model_validate(SMALL | {"width": 256, "layers": 8})
    weights = Prior(c).state_dict()
    stds = {name: float(weight.detach().std()) for name, weight in weights.items() if weight.ndim == 2}
    assert stds["blocks.0.mlp_in.weight"] == pytest.approx(0.02, rel=0.02)
    assert stds["blocks.7.mlp_out.weight"] == pytest.approx(0.02 / 4, rel=0.02)
    assert stds["blocks.7.attention.out.weight"] == pytest.approx(0.02 / 4, rel=0.02)
    assert stds["embedding.text_token.weight"] == pytest.approx(0.02, rel=0.05)
    wide = PriorModelConfig.model_validate(SMALL | {"width": 1024, "image_vocab": 256, "layers": 1})
    assert float(Prior(wide).image_head.weight.detach().std()) == pytest.approx(0.5 / 32, rel=0.02)
    assert {float(weight) for name in weights if "norm.weight" in name for weight in weights[name]} == {1.0}
    assert not any(weights[name].any() for name in weights if name.endswith("bias"))
