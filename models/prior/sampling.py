"""Draws codes from the prior, with cached keys and values (paper 2.6)."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.prior.attention import LayerCache
from models.prior.model import Prior, TransformerBlock
from models.text.bpe import BPE
from models.training.randomness import generator_of


class IncrementalDecoder:
    """Predicts one image position after the other, for N candidates of each of P prompts."""

    def __init__(self, prior: Prior, captions: Tensor, candidates: int) -> None:
        """Run the text once per prompt.

        Args:
            captions: token ids with PAD, int64 [P, caption_length].
            candidates: N, images per prompt.
        """
        self._prior = prior
        self._rows = captions.shape[0] * candidates
        self._position = 0
        self._caches: list[LayerCache] = []
        x = prior.embedding.text(prior.embedding.text_ids(captions))
        for block in prior.blocks:
            assert isinstance(block, TransformerBlock)
            x, cache = block.prefill(x, candidates, prior.config.codes_per_image)
            self._caches.append(cache)

    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of the next code, fp32 [P * N, V]; `previous` is the code before it, int64 [P * N], None at first."""
        x = self._prior.embedding.image_step(previous, self._position, self._rows)
        for block, cache in zip(self._prior.blocks, self._caches, strict=True):
            assert isinstance(block, TransformerBlock)
            x = block.step(x, cache, self._position)
        self._position += 1
        return self._prior.head(x[:, 0], self._prior.image_head)


@torch.inference_mode()
def draw_codes(
    prior: Prior,
    bpe: BPE,
    captions: Sequence[str],
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> NDArray[np.uint16]:
    """Draw n images for each caption.

    Candidate i of a caption depends on (seed, caption, i) alone, up to rounding: not on n and not on the other
    captions.

    Args:
        temperature: divides the logits; 0 takes the most likely code every time.
        top_k: draw among the k most likely codes only.
        top_p: draw among the fewest codes whose probabilities reach this sum.

    Returns:
        uint16 codes [P, n, codes_per_image].

    Raises:
        ValueError: `bpe` is not of the prior's vocabulary and caption length.
    """
    check_vocabulary(prior, bpe)
    device = next(prior.parameters()).device
    steps = prior.config.codes_per_image
    decoder = IncrementalDecoder(prior, bpe.encode(captions).to(device), n)
    uniform = torch.stack([_uniform(seed, caption, i, steps) for caption in captions for i in range(n)]).to(device)
    codes = torch.empty(len(captions) * n, steps, dtype=torch.int64, device=device)
    previous: Tensor | None = None
    for position in range(steps):
        logits = decoder.next_logits(previous)
        previous = choose_codes(logits, uniform[:, position], temperature, top_k, top_p)
        codes[:, position] = previous
    return codes.view(len(captions), n, steps).cpu().numpy().astype(np.uint16)


def choose_codes(
    logits: Tensor, uniform: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """One code per row, by inverse transform sampling.

    Args:
        logits: [B, V].
        uniform: numbers in [0, 1), [B]; the same number and logits give the same code.
        temperature, top_k, top_p: see `draw_codes`.

    Returns:
        int64 [B].
    """
    if temperature == 0:
        return logits.argmax(-1)
    probabilities = (logits.double() / temperature).softmax(-1)
    order: Tensor | None = None
    if top_k is not None or top_p is not None:
        probabilities, order = probabilities.sort(dim=-1, descending=True, stable=True)
        probabilities = _most_likely(probabilities, top_k, top_p)
    cumulative = probabilities.cumsum(-1)
    target = uniform.double()[:, None] * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, target, right=True).clamp(max=logits.shape[1] - 1)
    return (place if order is None else order.gather(1, place))[:, 0]


def _most_likely(probabilities: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    kept = torch.ones_like(probabilities, dtype=torch.bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        kept &= probabilities.cumsum(-1) - probabilities < top_p
    return probabilities * kept


def check_vocabulary(prior: Prior, bpe: BPE) -> None:
    """Check that the prior was made for this text tokenizer.

    Raises:
        ValueError: another vocabulary size or caption length.
    """
    c = prior.config
    if (bpe.vocab_size, bpe.text_length) != (c.text_vocab, c.caption_length):
        raise ValueError(
            f"a tokenizer of {bpe.vocab_size} ids and {bpe.text_length} positions does not fit "
            f"a prior of {c.text_vocab} ids and {c.caption_length} positions"
        )


def _uniform(seed: int, caption: str, index: int, steps: int) -> Tensor:
    return torch.rand(steps, generator=generator_of(seed, "sample", caption, index), dtype=torch.float64)
