"""The paper's own floating-point formats of 16 bits, in which it keeps Adam's moments and error buffers (B.2, E.2).

Six bits of exponent and no infinity. The paper says how many bits they have, and that 1-6-9 reaches to slightly less
than 16, so the exponent is shifted far down, to buy range for small numbers. What it does not say is ours: the same
shift for both formats, subnormal numbers, and rounding to the nearest, ties to the even code.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_BIAS = 60  # the largest exponent, 63 - 60, makes the largest number slightly less than 16 (E.2)
_LEAST = 2.0 ** (1 - _BIAS)  # of the numbers whose mantissa has all its bits
_FP32_MANTISSA, _FP32_BIAS = 23, 127


@dataclass(frozen=True)
class Format:
    """Numbers as codes of 16 bits: a sign if they have one, six bits of exponent, and the mantissa.

    Attributes:
        mantissa: bits; with a sign nine, without one ten.
        signed: else all numbers are at least 0.
    """

    mantissa: int
    signed: bool

    @property
    def largest(self) -> float:
        """The largest number."""
        return (2.0 - 2.0**-self.mantissa) * 2.0 ** (63 - _BIAS)

    @property
    def smallest(self) -> float:
        """The smallest number above 0, and the distance of its neighbours."""
        return _LEAST * 2.0**-self.mantissa

    def encode(self, numbers: Tensor) -> Tensor:
        """The codes of the nearest numbers, int16; of numbers beyond the range, those of its ends, as in E.2.

        Args:
            numbers: fp32 of any shape, none of them NaN.
        """
        size = numbers.abs() if self.signed else numbers.clamp(min=0.0)
        size = size.clamp(max=self.largest)
        lost = _FP32_MANTISSA - self.mantissa
        bits = size.view(torch.int32)
        half = (1 << (lost - 1)) - 1 + ((bits >> lost) & 1)  # up from the middle, and at the middle to the even code
        codes = ((bits + half) >> lost) - ((_FP32_BIAS - _BIAS) << self.mantissa)
        codes = torch.where(size < _LEAST, (size * (1.0 / self.smallest)).round().int(), codes)
        if self.signed:
            codes = torch.where(numbers.signbit(), codes | -0x8000, codes)
        return codes.to(torch.int16)

    def decode(self, codes: Tensor) -> Tensor:
        """The numbers of codes, fp32."""
        size = codes.int() & (0x7FFF if self.signed else 0xFFFF)
        lost = _FP32_MANTISSA - self.mantissa
        normal = ((size + ((_FP32_BIAS - _BIAS) << self.mantissa)) << lost).view(torch.float32)
        numbers = torch.where(size < 1 << self.mantissa, size * self.smallest, normal)
        return torch.where(codes < 0, -numbers, numbers) if self.signed else numbers


MEAN = Format(mantissa=9, signed=True)  # 1-6-9: Adam's mean, and error buffers (B.2, E.2)
VARIANCE = Format(mantissa=10, signed=False)  # 0-6-10: Adam's running variance (B.2)
