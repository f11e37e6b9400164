"""The numbers that a run computes with: chosen by its configuration, never by the hardware it finds."""

import torch

from models.training.config import Precision, TrainingConfig

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def half_type(precision: Precision) -> torch.dtype | None:
    """The type of matrix products with this precision if that is a half one."""
    return _TYPES.get(precision)


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Context in which matrix products and convolutions have this precision."""
    return torch.autocast(device.type, _TYPES.get(precision, torch.bfloat16), enabled=precision in _TYPES)


def set_tf32(training: TrainingConfig) -> None:
    """Allow or forbid TF32 everywhere: torch's own default allows it in convolutions and not in matrix products."""
    precision = "tf32" if training.tf32 else "ieee"
    torch.backends.fp32_precision = precision  # type: ignore[attr-defined]
    # These follow the line above only until something, such as torch's compiler, has set them by themselves.
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
