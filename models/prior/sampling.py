"""Draws codes from the prior (paper 2.6): many candidates at a time, each the same as if it were drawn alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generator import Sampling
from models.prior.cache import cache_bytes
from models.prior.config import PriorModelConfig
from models.prior.decoding import IncrementalDecoder, InferencePrior
from models.prior.model import Prior
from models.processor import torch_threads
from models.text.bpe import BPE, PAD
from models.training.randomness import generator_of

# From 4 rows on, products of matrices on a CPU give for a row what they give for it among any others, to the last bit,
# and take hardly longer than for one.
FEWEST_ROWS = 4
MOST_ROWS = {"cpu": 64, "cuda": 512}  # more than a CPU can use at a time
# Blocks with fewer weights are computed by one thread on a CPU: to wait for a second one takes as long as its half of
# the work or, where the two share a core, longer.
WEIGHTS_FOR_THREADS = 1_000_000
MEMORY_SHARE = 0.25  # of what is free, for a batch; other workers may draw beside this one


@dataclass(frozen=True)
class CodeBatch:
    """Consecutive candidates of one prompt: which prompt, the number of the first, and codes uint16 [K, n]."""

    prompt: int
    first: int
    codes: NDArray[np.uint16]


def draw_code_batches(
    prior: InferencePrior,
    bpe: BPE,
    captions: Sequence[str],
    n: int,
    seed: int = 0,
    sampling: Sampling | None = None,
    kept: Tensor | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
    first: int = 0,
) -> Iterator[CodeBatch]:
    """Draw n images for each caption, and give them as they become ready: caption by caption, in order.

    All images have equally many codes, so those of a batch end together and the next ones take their places.
    Candidate i of a caption depends on (seed, caption, kept, i) alone: not on n, the other captions, or the batch; on a
    GPU up to rounding.

    Args:
        sampling: defaults of `Sampling` when None; its precision is the prior's.
        kept: codes that all images have, int64 [codes_per_image], -1 where a code is drawn.
        on_progress: called with the share of all codes that is drawn.
        first: so many candidates of the first caption are drawn before the others.

    Raises:
        ValueError: `bpe` is not of the prior's vocabulary and caption length.
    """
    check_vocabulary(prior.config, bpe)
    groups = list(_groups(len(captions), n, rows_that_fit(prior), first))
    length, total, done = prior.config.codes_per_image, len(captions) * n, 0
    for prompts, candidates in groups:
        images = len(prompts) * len(candidates)
        with _threads(prior):
            drawn = _draw(
                prior,
                bpe.encode([captions[i] for i in prompts]).to(prior.device),
                torch.stack([uniform_of(prior, seed, captions[i], candidates) for i in prompts]).to(prior.device),
                sampling or Sampling(),
                kept,
                lambda position, done=done, images=images: on_progress(  # type: ignore[misc]
                    (done + images * (position + 1) / length) / total
                ),
            )
        done += images
        codes = drawn.cpu().numpy().astype(np.uint16)
        yield from (CodeBatch(i, candidates.start, each) for i, each in zip(prompts, codes, strict=True))


def draw_codes(
    prior: Prior, bpe: BPE, captions: Sequence[str], n: int, seed: int = 0, sampling: Sampling | None = None
) -> NDArray[np.uint16]:
    """All of `draw_code_batches` at once, uint16 [P, n, codes_per_image]."""
    batches = draw_code_batches(InferencePrior(prior), bpe, captions, n, seed, sampling)
    return np.concatenate([batch.codes for batch in batches]).reshape(len(captions), n, -1)


@torch.inference_mode()
def _draw(
    prior: InferencePrior,
    captions: Tensor,
    uniform: Tensor,
    sampling: Sampling,
    kept: Tensor | None,
    on_step: Callable[[int], None],
) -> Tensor:
    """Codes int64 [P, N, n] for captions [P, caption_length] and numbers in [0, 1), [P, N, n]."""
    prompts, candidates, length = uniform.shape
    rows = max(candidates, FEWEST_ROWS)
    guidance = sampling.guidance
    if guidance is not None:
        captions = torch.cat([captions, torch.full_like(captions, PAD)])  # each prompt, then as many empty ones
    decoder = IncrementalDecoder(prior, captions, rows)
    codes = torch.zeros(prompts, rows, length, dtype=torch.int64, device=prior.device)
    given = [-1] * length if kept is None else kept.tolist()
    for position in range(length):
        previous = codes[:, :, position - 1].flatten() if position else None
        if previous is not None and guidance is not None:
            previous = previous.repeat(2)
        x = decoder.step(previous)
        if given[position] >= 0:
            codes[:, :, position] = given[position]
        else:
            logits = prior.logits(x)
            if guidance is not None:
                conditional, empty = logits.chunk(2)
                logits = empty + guidance * (conditional - empty)
            logits = logits.view(prompts, rows, -1)[:, :candidates].flatten(0, 1)
            chosen = choose_codes(logits, uniform[:, :, position].flatten(), sampling)
            codes[:, :candidates, position] = chosen.view(prompts, candidates)
        on_step(position)
    return codes[:, :candidates]


def choose_codes(logits: Tensor, uniform: Tensor, sampling: Sampling) -> Tensor:
    """One code per row, by inverse transform sampling.

    Args:
        logits: [B, V].
        uniform: numbers in [0, 1), [B]; the same number and logits give the same code.

    Returns:
        int64 [B]. Codes that are as likely as the last one that top-k or top-p keeps are kept too.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < logits.shape[1]:
        logits = logits.masked_fill(logits < _kth_largest(logits, sampling.top_k), float("-inf"))
    probabilities = logits.softmax(-1)
    if sampling.top_p is not None:
        ranked = probabilities.sort(descending=True).values
        needed = ranked.cumsum(-1, dtype=torch.float64) - ranked < sampling.top_p
        least = ranked.masked_fill(~needed, 1.0).amin(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < least, 0.0)
    cumulative = probabilities.cumsum(-1, dtype=torch.float64)
    target = uniform[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True)[:, 0].clamp_(max=logits.shape[1] - 1)


def _kth_largest(logits: Tensor, k: int) -> Tensor:
    """[B, V] to [B, 1]. On a CPU NumPy takes a tenth of the time of torch's topk."""
    if logits.device.type == "cpu":
        place = logits.shape[1] - k
        return torch.from_numpy(np.partition(logits.numpy(), place, axis=-1)[:, place, None])
    return logits.topk(k, sorted=False).values.amin(-1, keepdim=True)


def uniform_of(prior: InferencePrior, seed: int, caption: str, candidates: range) -> Tensor:
    """The random numbers of some candidates of a caption, fp64 [N, codes_per_image]."""
    length = prior.config.codes_per_image
    sources = (generator_of(seed, "sample", caption, i) for i in candidates)
    return torch.stack([torch.rand(length, generator=source, dtype=torch.float64) for source in sources])


def rows_that_fit(prior: InferencePrior) -> int:
    """How many images to draw at a time, from the memory that is free now."""
    c = prior.config
    one = cache_bytes(c, prior.dtype) + 32 * c.image_vocab + 64 * c.width  # with what the logits and a block need
    device = prior.device
    cuda = device.type == "cuda"
    free = torch.cuda.mem_get_info(device)[0] if cuda else psutil.virtual_memory().available
    return max(FEWEST_ROWS, min(int(free * MEMORY_SHARE) // one, MOST_ROWS["cuda" if cuda else "cpu"]))


def _threads(prior: InferencePrior) -> AbstractContextManager[None]:
    return torch_threads(1) if 12 * prior.config.width**2 < WEIGHTS_FOR_THREADS else nullcontext()


def _groups(prompts: int, n: int, most: int, soon: int) -> Iterator[tuple[range, range]]:
    """Prompts and candidates to draw at a time: a part of one prompt's candidates, or all of several prompts'.

    Where only some candidates of the first prompt are to be there `soon`, they and then its others are drawn first.
    """
    apart = min(soon, most) if soon < n else 0
    if apart:
        yield range(1), range(apart)
        yield from ((range(1), part) for part in _parts(apart, n, most))
    together = max(1, most // max(n, FEWEST_ROWS))
    for some in _parts(1 if apart else 0, prompts, together):
        yield from ((some, part) for part in _parts(0, n, most))


def _parts(start: int, end: int, most: int) -> Iterator[range]:
    """`range(start, end)` in parts of at most so many."""
    return (range(at, min(at + most, end)) for at in range(start, end, most))


def check_vocabulary(prior: PriorModelConfig, bpe: BPE) -> None:
    """Check that a prior was made for this text tokenizer.

    Raises:
        ValueError: another vocabulary size or caption length.
    """
    if (bpe.vocab_size, bpe.text_length) != (prior.text_vocab, prior.caption_length):
        raise ValueError(
            f"a tokenizer of {bpe.vocab_size} ids and {bpe.text_length} positions does not fit "
            f"a prior of {prior.text_vocab} ids and {prior.caption_length} positions"
        )
