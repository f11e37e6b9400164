"""What a prior draws while it is trained: the same captions again and again, for a person to look at."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from models.prior.decoding import InferencePrior
from models.prior.model import Prior
from models.prior.sampling import draw_code_batches
from models.text.bpe import BPE
from models.tokenizer import ImageTokenizer, decode_codes
from models.training.pictures import rows_of


class Drawings:
    """Some pairs, whose captions are drawn with the same random numbers each time."""

    def __init__(self, captions: Sequence[str], codes: Tensor, bpe: BPE, tokenizer: ImageTokenizer) -> None:
        """Args:
        codes: of the pairs' own pictures, [B, n].
        """
        self._captions, self._bpe, self._tokenizer = captions, bpe, tokenizer
        self._own = self._pixels(codes)

    def of(self, prior: Prior) -> dict[str, Tensor]:
        """The pairs' own pictures, rebuilt, above what the prior draws for their captions: uint8 [3, 2 H, B W].

        Nothing where ranks share the weights: each of them has but a part.
        """
        if any(isinstance(weight, DTensor) for weight in prior.parameters()):
            return {}
        drawn = draw_code_batches(InferencePrior(prior), self._bpe, self._captions, 1)
        codes = torch.cat([torch.from_numpy(batch.codes.astype("int64")) for batch in drawn])
        return {"drawings": rows_of(self._own, self._pixels(codes))}

    def _pixels(self, codes: Tensor) -> Tensor:
        """Codes [B, n] to pictures, uint8 [B, 3, H, W]."""
        return torch.from_numpy(decode_codes(self._tokenizer, codes.numpy())).permute(0, 3, 1, 2)
