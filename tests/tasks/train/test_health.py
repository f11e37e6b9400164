"""A collapsed tokenizer is refused with its figures, the limits by name, and the remedy."""

import pytest

from tasks.errors import CollapsedCodesError
from tasks.train.health import DVAEHealth, TokenizerHealth, require_health

SOUND = {"usage": 0.4, "perplexity": 60.0, "psnr": 21.0, "kl_per_cell": 4.5, "elb_gap": 0.2}
REMEDY = "lower dvae.training.beta"


def refusal(health: TokenizerHealth = DVAEHealth(), **metrics: float) -> str:  # noqa: B008
    with pytest.raises(CollapsedCodesError) as refused:
        require_health(health, SOUND | metrics, 256, "dvae", REMEDY)
    return str(refused.value)


def test_a_sound_model_is_accepted() -> None:
    require_health(DVAEHealth(), SOUND, 256, "dvae", REMEDY)
    only_reconstruction = {name: SOUND[name] for name in ("usage", "perplexity", "psnr")}
    require_health(TokenizerHealth(), only_reconstruction, 256, "vqgan", REMEDY)


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ({"usage": 0.03}, "uses 3% of its codes, fewer than dvae.health.least_usage (5%)"),
        ({"perplexity": 1.5}, "perplexity of 1.5, 0.6% of its codes, below dvae.health.least_perplexity (1.0%)"),
        ({"psnr": 9.6}, "rebuilds images with 9.6 dB, below dvae.health.least_psnr (12)"),
        ({"kl_per_cell": 0.004}, "says 0.004 nats in a cell, below dvae.health.least_kl (0.1)"),
        ({"elb_gap": 7.0}, "loses 7.00 nats per pixel to hard codes, more than dvae.health.most_elb_gap"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_figure_beyond_its_limit_is_refused(metrics: dict[str, float], says: str) -> None:
    said = refusal(**metrics)
    assert says in said
    assert said.endswith(f": {REMEDY}.")


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = refusal(usage=0.01, psnr=8.0, kl_per_cell=0.0)
    assert said.count("dvae.health.") == 3


def test_training_images_count_where_none_are_held_out() -> None:
    training = {f"train_{name}": value for name, value in SOUND.items()}
    require_health(DVAEHealth(), training, 256, "dvae", REMEDY)
    with pytest.raises(CollapsedCodesError, match="3%"):
        require_health(DVAEHealth(), training | {"train_usage": 0.03}, 256, "dvae", REMEDY)
    require_health(DVAEHealth(), SOUND | {"train_usage": 0.03}, 256, "dvae", REMEDY)


def test_a_model_that_is_not_to_be_checked_may_be_anything() -> None:
    require_health(DVAEHealth(check=False), SOUND | {"usage": 0.0}, 256, "dvae", REMEDY)
