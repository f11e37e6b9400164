"""Peak memory and rate of drawing the first batch of 512 candidates of a 24 x 1024 prior with 32x32 codes.

The batches that follow take the places of the first, so the peak is that of all 512:
`python tests/bench/sampling_memory.py bf16`
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.generator import Sampling
from models.prior.config import PriorModelConfig
from models.prior.decoding import InferencePrior
from models.prior.model import Prior
from models.prior.sampling import draw_code_batches, rows_that_fit
from models.text.bpe import train_bpe
from models.text.config import BPEModelConfig

CANDIDATES = 512


def main(precision: Literal["fp32", "bf16"]) -> None:
    """Draw one batch with random weights and print what it took."""
    bpe = train_bpe(["a red apple on a blue background", "two pears"], BPEModelConfig())
    config = PriorModelConfig(width=1024, layers=24, heads=16, text_vocab=bpe.vocab_size)
    prior = InferencePrior(Prior(config).eval(), torch.bfloat16 if precision == "bf16" else torch.float32)
    weights_gb = _peak_gb()
    rows = min(rows_that_fit(prior), CANDIDATES)
    start = time.perf_counter()
    batches = draw_code_batches(
        prior, bpe, ["a red apple"], CANDIDATES, sampling=Sampling(precision=precision), on_progress=_shown(start)
    )
    next(batches)
    seconds = time.perf_counter() - start
    print(
        f"\n{precision}: {rows} of {CANDIDATES} candidates at a time in {seconds:.0f} s with {torch.get_num_threads()} "
        f"threads; peak {_peak_gb():.2f} GB, of which the weights and their making {weights_gb:.2f} GB"
    )


def _shown(start: float) -> Callable[[float], None]:
    def show(share: float) -> None:
        print(f"\r{share:.2%} of all, {time.perf_counter() - start:.0f} s, {_peak_gb():.2f} GB", end="", flush=True)

    return show


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main("bf16" if "bf16" in sys.argv else "fp32")
