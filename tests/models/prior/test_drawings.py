"""What a training of the prior draws on its way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.prior.train import PriorJob, train
from models.tokenizer import decode_codes, load_tokenizer
from models.training.checkpoint import save_model
from models.training.distributed import Ranks
from models.training.shards import Shards
from models.training.windows import tokens_of

Job = Callable[..., dict[str, Any]]
SIDE = 12


@pytest.fixture(scope="module")
def image_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dVAE of 3x3 codes below 11, as the prior of these tests has them."""
    folder = tmp_path_factory.mktemp("image_tokenizer")
    torch.manual_seed(0)
    sizes = {"image_size": SIDE, "vocab_size": 11, "hidden": 8, "decoder_init": 4}
    shape = DVAEModelConfig(**sizes, groups=2, blocks_per_group=1, stem="unshuffle", post_gain=1.0)
    save_model(folder, DVAE(shape).state_dict(), shape)
    return folder


def _pictures(job: dict[str, Any]) -> dict[str, np.ndarray]:
    """Those of a finished training, [2 H, B W, 3] by step."""
    train(PriorJob.model_validate(job), Ranks())
    found = sorted((Path(job["out"]) / "pictures").rglob("drawings.png"))
    return {path.parent.name: np.asarray(Image.open(path)) for path in found}


def _with(job: dict[str, Any], image_tokenizer: Path) -> dict[str, Any]:
    return job | {"data": job["data"] | {"image_tokenizer": str(image_tokenizer)}}


def test_held_out_captions_are_drawn_below_their_own_pictures(prior_job: Job, image_tokenizer: Path) -> None:
    job = _with(prior_job(steps=4, validate_every=2, drawings=5), image_tokenizer)
    shown = _pictures(job)
    assert list(shown) == ["0000002", "0000004"]
    assert all(picture.shape == (2 * SIDE, 5 * SIDE, 3) for picture in shown.values())
    codes = tokens_of(Shards(job["data"]["val"], ["pair_id", "caption", "codes"]), range(5))[1]
    own = np.concatenate(list(decode_codes(load_tokenizer(image_tokenizer), codes)), axis=1)
    assert all(np.array_equal(picture[:SIDE], own) for picture in shown.values())


def test_drawing_changes_no_weight(prior_job: Job, image_tokenizer: Path) -> None:
    shown, blind = prior_job("shown", steps=4, validate_every=2), prior_job("blind", steps=4, validate_every=2)
    assert _pictures(_with(shown, image_tokenizer))
    assert not _pictures(blind)
    weights = [(Path(job["out"]) / "weights.safetensors").read_bytes() for job in (shown, blind)]
    assert weights[0] == weights[1]


def test_a_resumed_training_draws_what_an_undisturbed_one_does(prior_job: Job, image_tokenizer: Path) -> None:
    whole = _pictures(_with(prior_job("whole", steps=4, validate_every=2), image_tokenizer))
    job = _with(prior_job("again", steps=4, validate_every=2), image_tokenizer)
    _pictures(job)
    for name in ("done.json", "weights.safetensors"):
        (Path(job["out"]) / name).unlink()
    again = _pictures(job)
    assert all(np.array_equal(whole[step], again[step]) for step in whole)
