"""The learner's batches and model: captions are split anew at every step, as the paper drops merges."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.prior.model import Prior
from models.prior.train import PriorJob, PriorLearner
from models.text.bpe import BPE, PAD, load_bpe
from models.training.randomness import Step
from models.training.shards import Shards

Job = Callable[..., dict[str, Any]]
STEPS = 100


def _learner(content: dict[str, Any]) -> PriorLearner:
    job = PriorJob.model_validate(content)
    train, val = (Shards(uris, ("pair_id", "caption", "codes")) for uris in (job.data.train, job.data.val))
    return PriorLearner(Prior(job.model), job.training, load_bpe(job.data.bpe), train, val)


def _captions(learner: PriorLearner) -> list[Tensor]:
    """The ids of all captions of some steps, without padding."""
    batches = [learner.batch(Step(number, 0, 0, 1))["captions"] for number in range(STEPS)]
    return [row[row != PAD] for batch in batches for row in batch]


def _plain(bpe: BPE, ids: Tensor) -> Tensor:
    row = bpe.encode([bpe.decode(ids)])[0]
    return row[row != PAD]


def test_by_default_captions_come_with_dropped_merges_and_each_time_with_others(prior_job: Job) -> None:
    learner = _learner(prior_job(batch_size=8))
    captions = _captions(learner)
    longer = [len(ids) - len(_plain(learner.bpe, ids)) for ids in captions]
    assert min(longer) == 0
    assert len({tuple(ids.tolist()) for ids in captions}) > 50
    assert 0.05 < sum(extra > 0 for extra in longer) / len(longer) < 0.95


def test_without_dropout_captions_come_as_they_are_encoded(prior_job: Job) -> None:
    learner = _learner(prior_job(batch_size=8, bpe_dropout=0.0))
    assert all(torch.equal(ids, _plain(learner.bpe, ids)) for ids in _captions(learner))


def test_activations_are_kept_or_not_as_the_configuration_says(prior_job: Job) -> None:
    for wanted in (True, False):
        assert _learner(prior_job(activation_checkpointing=wanted)).model.activation_checkpointing is wanted


def test_codes_with_noise_are_read_and_the_true_ones_predicted(prior_job: Job) -> None:
    plain, noisy = (_learner(prior_job(batch_size=8, code_noise=share)) for share in (0.0, 0.25))
    steps = [Step(number, 0, 0, 1) for number in range(STEPS)]
    pairs = [(plain.batch(step), noisy.batch(step)) for step in steps]
    assert all(torch.equal(a["codes"], b["codes"]) and torch.equal(a["codes"], a["seen_codes"]) for a, b in pairs)
    replaced = torch.cat([b["seen_codes"] != b["codes"] for _, b in pairs]).float().mean()
    assert 0.2 < float(replaced) < 0.25  # some random codes are the true ones
    assert torch.equal(noisy.batch(steps[3])["seen_codes"], pairs[3][1]["seen_codes"])


def test_noise_belongs_to_the_example_whatever_the_number_of_ranks(prior_job: Job) -> None:
    learner = _learner(prior_job(batch_size=8, code_noise=0.25))
    whole = learner.batch(Step(5, 0, 0, 1))["seen_codes"]
    halves = [learner.batch(Step(5, 0, rank, 2))["seen_codes"] for rank in range(2)]
    assert torch.equal(whole, torch.cat(halves))
