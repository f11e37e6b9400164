"""Complete configs by name. Each docstring says what it costs, how long it takes and what to expect."""

import inspect
from collections.abc import Callable, Mapping

from flows.config import PipelineConfig
from tasks.errors import ConfigError

Sections = dict[str, object]


def demo() -> PipelineConfig:
    """3D emoji from a site on this machine, 60 px: about 11 minutes on two CPU cores, 2 GB of memory.

    Expect about 21 dB on held-out images with 40 % of the codes in use, and 9 of 10 training captions drawn right: the
    models memorise. Held-out captions give a shape and a colour at best. Not the paper's, to be this quick: a
    pixel-unshuffle stem, standardised logits and a floor on the Laplace scale; dense attention and Muon in the prior.
    """
    dvae: Sections = {
        "model": {
            "image_size": 60,
            "vocab_size": 256,
            "hidden": 64,
            "groups": 2,
            "decoder_init": 64,
            "stem": "unshuffle",
            "unshuffle_factor": 3,
            "post_gain": 1.0,
            "standardise_logits": True,
            "logit_scale": 6,
            "min_log_scale": -1.5,
        },
        "training": {
            "steps": 1100,
            "batch_size": 16,
            "learning_rate": 3e-3,
            "beta": 0.1,
            "beta_steps": 330,
            "tau_steps": 770,
            "ema_decay": 0.995,
            "augment": False,
            "validate_every": 275,
        },
    }
    clip: Sections = {
        "training": {
            "steps": 300,
            "batch_size": 64,
            "learning_rate": 2e-3,
            "muon_learning_rate": 0.02,
            "warmup_steps": 30,
            "weight_decay": 0.01,
            "ema_decay": 0.97,
            "augment": False,
            "validate_every": 100,
        }
    }
    prior: Sections = {
        "model": {"width": 192, "layers": 4, "heads": 4, "attention": "full"},
        "training": {
            "steps": 700,
            "batch_size": 16,
            "learning_rate": 2e-3,
            "muon_learning_rate": 0.02,
            "warmup_steps": 50,
            "beta2": 0.98,
            "ema_decay": 0.98,
            "bpe_dropout": 0.0,
            "padding_in_text_loss": False,
            "validate_every": 175,
        },
    }
    things = (
        "a red apple",
        "a slice of pizza",
        "a hot beverage",
        "a smiling face",
        "a cat face",
        "a frog",
        "a blue book",
    )
    unseen = (
        "a green apple in a cup",
        "a robot with a guitar",
        "a purple cat",
        "a frog with glasses",
        "a snowy rocket",
    )
    prompts = [f"a 3D emoji of {thing}" for thing in things + unseen]
    targets: Sections = {"hit_rate": 0.5, "psnr_db": 20.0, "codes_share": 0.25, "minutes": 15.0, "memory_gb": 6.0}
    return _made(
        bpe={"vocab_size": 2048, "text_length": 24},
        dvae=dvae,
        clip=clip,
        prior=prior,
        sample={"prompts": prompts},
        report={"targets": targets},
    )


def smoke() -> PipelineConfig:
    """The demo with a few training steps: about a minute on two CPU cores. Proves that everything runs, draws noise."""
    steps: Sections = {"steps": 8, "warmup_steps": 2, "log_every": 2, "validation_images": 64}
    few: Sections = {"steps": 8, "warmup_steps": 2, "log_every": 2, "batch_size": 16}
    whole = demo()
    return _made(
        whole,
        dvae={
            "model": {"hidden": 16, "blocks_per_group": 1},
            "training": steps | {"beta_steps": 4, "tau_steps": 6},
            "least_codes_used": 0.0,
        },
        clip={"training": few},
        prior={"model": {"width": 64, "layers": 2}, "training": few},
        sample={"prompts": ["a red apple", "a cat face"], "train_prompts": 4, "val_prompts": 2, "candidates": 4},
    )


RECIPES: dict[str, Callable[[], PipelineConfig]] = {"demo": demo, "smoke": smoke}


def recipe(name: str) -> PipelineConfig:
    """Raises:
    ConfigError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe '{name}'; there are: {', '.join(RECIPES)}.")
    return RECIPES[name]()


def descriptions() -> dict[str, str]:
    """What each recipe says of itself."""
    return {name: inspect.cleandoc(make.__doc__ or "") for name, make in RECIPES.items()}


def _made(base: PipelineConfig | None = None, **sections: Sections) -> PipelineConfig:
    """`base` with some values of some sections changed; a misspelt key is an error."""
    values = base.model_dump() if base else {}
    return PipelineConfig.model_validate(_merged(values, sections))


def _merged(values: Mapping[str, object], changes: Mapping[str, object]) -> Sections:
    merged = dict(values)
    for name, change in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, change) if isinstance(old, dict) and isinstance(change, dict) else change
    return merged
