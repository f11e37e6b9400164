"""A run computes with the precision that its configuration names."""

from pathlib import Path

import pytest
import torch

from flows import recipes
from models import processor
from models.clip.losses import contrastive_loss
from models.training.config import Precision, TrainingConfig
from models.training.precision import autocast, set_tf32


@pytest.mark.parametrize(
    ("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_products_have_the_precision_of_the_configuration(precision: Precision, kind: torch.dtype) -> None:
    with autocast(precision, torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind


def test_tf32_is_off_everywhere_unless_the_configuration_says_so() -> None:
    for tf32, expected in ((True, "tf32"), (False, "ieee")):
        set_tf32(TrainingConfig(tf32=tf32))
        assert torch.backends.cudnn.conv.fp32_precision == expected  # type: ignore[attr-defined]
        assert torch.backends.cuda.matmul.fp32_precision == expected


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_contrastive_logits_are_in_fp32_under_autocast(precision: Precision) -> None:
    random = torch.Generator().manual_seed(0)
    images, captions = (torch.nn.functional.normalize(torch.randn(6, 8, generator=random), dim=1) for _ in range(2))
    plain = contrastive_loss(images, captions, torch.tensor(30.0), torch.arange(6))
    with autocast(precision, torch.device("cpu")):
        assert torch.equal(contrastive_loss(images, captions, torch.tensor(30.0), torch.arange(6)), plain)


@pytest.mark.parametrize(
    ("flags", "precision"), [("fpu avx2 avx512_bf16", "bf16"), ("fpu amx_bf16", "bf16"), ("fpu avx2", "fp32")]
)
def test_the_demo_asks_for_bf16_only_where_the_processor_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, precision: str
) -> None:
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    config = recipes.demo()
    assert {config.dvae.training.precision, config.prior.training.precision} == {precision}
