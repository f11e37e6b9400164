"""The parts together: a prior that has learned a few pictures draws the one it is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.generator import Sampling
from models.prior.model import load_prior
from models.prior.sampling import draw_codes
from models.prior.train import PriorJob, train
from models.text.bpe import load_bpe
from models.training.distributed import Ranks
from models.training.shards import Shards
from models.training.windows import tokens_of


def test_a_prior_that_memorised_its_corpus_draws_it(
    prior_job: Callable[..., dict[str, Any]], token_shard: str, bpe_path: str
) -> None:
    job = prior_job(steps=200, batch_size=8, learning_rate=1e-2, warmup_steps=10, bpe_dropout=0.0, ema_decay=None)
    job["model"] |= {"width": 32, "layers": 2}
    train(PriorJob.model_validate(job), Ranks())
    captions, codes = tokens_of(Shards([token_shard], ["caption", "codes"]), range(8))
    drawn = draw_codes(load_prior(Path(job["out"])), load_bpe(bpe_path), captions, 1, sampling=Sampling(temperature=0))[
        :, 0
    ]
    assert np.mean(drawn == codes) > 0.95
