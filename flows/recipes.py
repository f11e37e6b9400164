"""Complete configs by name. Each docstring says what it costs, how long it takes and what to expect."""

import inspect
from collections.abc import Callable
from typing import Any, Literal

from flows.config import (
    BPEConfig,
    CLIPConfig,
    CrawlConfig,
    DVAEConfig,
    EvaluateConfig,
    FetchConfig,
    PipelineConfig,
    PriorConfig,
    ReportConfig,
    SampleConfig,
    ScreenImagesConfig,
    VQGANConfig,
)
from models.clip.config import CLIPLayout, CLIPTrainingConfig
from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.judge.config import JudgeTrainingConfig
from models.prior.config import PriorLayout, PriorTrainingConfig
from models.processor import computes_bf16
from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig
from tasks.compositions.config import CompositionsConfig
from tasks.errors import ConfigError
from tasks.report.config import Targets
from tasks.train.health import DVAEHealth, TokenizerHealth

RecipeName = Literal["demo", "gallery", "emoji", "smoke"]
DEFAULT_RECIPE: RecipeName = "demo"


def fastest_precision() -> Literal["fp32", "bf16"]:
    """bf16 where this machine's processor computes it, which is 1.5 times as fast for the demo's dVAE, else fp32.

    It is decided here, so that the precision stands in the config and in the fingerprints of the models.
    """
    return "bf16" if computes_bf16() else "fp32"


# Prompts of the demo: some that training may have had, and some for things of which it had no picture.
WISHES = (
    "a red apple",
    "a cat on a blue background",
    "a rocket on a blue background with white dots",
    "three penguins on an orange background",
    "a dog to the left of a teapot on a green background",
    "an elephant above a guitar on a pink background",
    "a small crown on a purple background",
    "a large frog in front of a red wall",
)
WISHES_FOR_UNSEEN_THINGS = (
    "a panda on a green background",
    "an owl on a blue background",
    "a lemon on a purple background",
    "a birthday cake on a yellow background",
)
GALLERY_WISHES_FOR_UNSEEN_THINGS = (
    "a panda on a green background",
    "an owl on a blue background",
    "a slice of pizza on a purple background",
    "a birthday cake on a yellow background",
)
# The same for emoji alone, where the second ones are compositions of which training had no picture at all.
SEEN_EMOJI = (
    "a red apple",
    "a slice of pizza",
    "a hot beverage",
    "a smiling face",
    "a cat face",
    "a frog",
    "a blue book",
)
UNSEEN_EMOJI = (
    "a green apple in a cup",
    "a robot with a guitar",
    "a purple cat",
    "a frog with glasses",
    "a snowy rocket",
)


# What a training of minutes needs otherwise than the paper's, which is the default.
SHORT_DVAE_TRAINING: dict[str, Any] = {
    "batch_size": 16,
    "learning_rate": 3e-3,
    "final_learning_rate": 1e-5,
    "decay_steps": None,
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "augment": False,
}
SHORT_CLIP_TRAINING: dict[str, Any] = {
    "learning_rate": 2e-3,
    "muon_learning_rate": 0.02,
    "weight_decay": 0.01,
    "ema_decay": 0.97,
    "augment": False,
}
SHORT_PRIOR_TRAINING: dict[str, Any] = {
    "batch_size": 16,
    "learning_rate": 2e-3,
    "final_learning_rate": 1e-5,
    "schedule": "cosine",
    "muon_learning_rate": 0.02,
    "weight_decay": 0.0,
    "decay_embeddings": False,
    "clip_norm": 1.0,
    "clip_second_moment": None,
    "ema_every": 1,
    "activation_checkpointing": False,
    "bpe_dropout": 0.0,
    "padding_in_text_loss": False,
}


def demo() -> PipelineConfig:
    """Compositions from a site on this machine, 96 px: 15 to 20 minutes on two CPU cores, 3 GB of memory.

    24 things on grounds of 8 colours, in pairs, sizes and counts, with whole combinations held out. Expect most of the
    captions that were never seen to be drawn right. Deviations from the paper, for speed: a pixel-unshuffle stem,
    standardised logits and a floor on the Laplace scale in the dVAE; Muon, and random codes among those that are read,
    in the prior.
    """
    return PipelineConfig(
        source=CrawlConfig(
            compositions=CompositionsConfig(
                things=24,
                unseen_things=4,
                colours=8,
                pairs=552,
                per_pair=4,
                per_pattern=5,
                per_size=5,
                per_count=5,
                captions=2,
            )
        ),
        screen_images=ScreenImagesConfig(min_side_px=96),
        fetch=FetchConfig(image_size=144),
        bpe=BPEConfig(vocab_size=1024, text_length=28),
        dvae=_dvae_of_minutes(96, steps=1500),
        clip=_clip_of_minutes(steps=300),
        prior=PriorConfig(
            model=PriorLayout(width=192, layers=4, heads=4),
            training=_prior_of_minutes(steps=2200),
        ),
        sample=SampleConfig(precision=fastest_precision(), prompts=WISHES + WISHES_FOR_UNSEEN_THINGS, val_prompts=64),
        report=ReportConfig(
            targets=Targets(composed_first=0.7, composed_best=0.85, psnr_db=21.5, minutes=15.0, memory_gb=6.0),
        ),
    )


def gallery() -> PipelineConfig:
    """What the demo does with codes of 4x4 pixels, 30 things and longer trainings: an hour and a half on two CPU cores.

    It makes the models of `data/gallery`. Grounds of 10 colours, 24x24 codes, 64 candidates a caption. Expect nine of
    ten captions that were never seen to be drawn right, and things that share a picture to be recognised by eye.
    """
    return PipelineConfig(
        source=CrawlConfig(
            compositions=CompositionsConfig(
                things=30,
                unseen_things=4,
                colours=10,
                pairs=870,
                per_pair=3,
                per_pattern=5,
                per_size=10,
                per_count=8,
                captions=2,
            )
        ),
        screen_images=ScreenImagesConfig(min_side_px=96),
        fetch=FetchConfig(image_size=144),
        bpe=BPEConfig(vocab_size=1024, text_length=28),
        dvae=_dvae_of_minutes(96, steps=2500, code_px=4),
        clip=_clip_of_minutes(steps=800),
        prior=PriorConfig(
            model=PriorLayout(width=192, layers=5, heads=4),
            training=_prior_of_minutes(steps=3000, code_noise=0.4),
        ),
        sample=SampleConfig(
            precision=fastest_precision(),
            prompts=WISHES + GALLERY_WISHES_FOR_UNSEEN_THINGS,
            val_prompts=64,
            candidates=64,
        ),
        report=ReportConfig(
            targets=Targets(composed_first=0.85, composed_best=0.95, psnr_db=25.0, minutes=180.0, memory_gb=6.0),
        ),
    )


def emoji() -> PipelineConfig:
    """Single emoji with sentences about them, 60 px: about 9 minutes on two CPU cores, 2 GB of memory.

    Expect a PSNR of about 22 dB on held-out images with 40 % of the codes in use, and the right image for 9 of 10
    training captions: the models memorise. Held-out captions give the right shape or colour at best, since each thing
    is in one picture alone. Deviations from the paper as in the demo, and dense attention in the prior.
    """
    return PipelineConfig(
        source=CrawlConfig(corpus="emoji"),
        screen_images=ScreenImagesConfig(min_side_px=64),
        bpe=BPEConfig(vocab_size=2048, text_length=24),
        dvae=_dvae_of_minutes(60, steps=2000),
        vqgan=VQGANConfig(
            model=_small_vqgan(channels=32),
            training=VQGANTrainingConfig(
                steps=600,
                precision=fastest_precision(),
                batch_size=16,
                learning_rate=1e-3,
                warmup_steps=50,
                ema_decay=0.995,
                augment=False,
                validate_every=150,
            ),
        ),
        clip=CLIPConfig(
            training=CLIPTrainingConfig(
                **SHORT_CLIP_TRAINING,
                steps=300,
                precision=fastest_precision(),
                batch_size=64,
                warmup_steps=30,
                validate_every=100,
            ),
        ),
        prior=PriorConfig(
            model=PriorLayout(width=192, layers=4, heads=4, attention="full"),
            training=PriorTrainingConfig(
                **SHORT_PRIOR_TRAINING,
                steps=700,
                precision=fastest_precision(),
                warmup_steps=50,
                beta2=0.98,
                ema_decay=0.98,
                validate_every=175,
            ),
        ),
        sample=SampleConfig(
            precision=fastest_precision(),
            prompts=tuple(f"a 3D emoji of {thing}" for thing in SEEN_EMOJI + UNSEEN_EMOJI),
        ),
        report=ReportConfig(
            targets=Targets(hit_rate=0.5, psnr_db=20.0, codes_share=0.25, minutes=15.0, memory_gb=6.0),
        ),
    )


def smoke() -> PipelineConfig:
    """The demo with a few training steps: about a minute on two CPU cores. Checks that all stages run; draws noise."""
    few = CompositionsConfig(things=12, unseen_things=2, per_pattern=1, per_size=1, per_count=1, pairs=100)
    return PipelineConfig(
        source=CrawlConfig(compositions=few),
        screen_images=ScreenImagesConfig(min_side_px=64),
        bpe=BPEConfig(vocab_size=2048, text_length=24),
        dvae=DVAEConfig(
            model=_small_dvae(60, hidden=16, blocks_per_group=1),
            training=DVAETrainingConfig(
                **SHORT_DVAE_TRAINING,
                steps=8,
                warmup_steps=2,
                beta=0.1,
                beta_steps=4,
                tau_steps=6,
                log_every=2,
                validation_images=64,
            ),
            health=DVAEHealth(check=False),
        ),
        vqgan=VQGANConfig(
            model=_small_vqgan(channels=8),
            training=VQGANTrainingConfig(
                steps=8, batch_size=16, warmup_steps=2, augment=False, log_every=2, validation_images=64
            ),
            health=TokenizerHealth(check=False),
        ),
        clip=CLIPConfig(
            training=CLIPTrainingConfig(
                steps=8, batch_size=16, learning_rate=2e-3, warmup_steps=2, augment=False, log_every=2
            ),
        ),
        prior=PriorConfig(
            model=PriorLayout(width=64, layers=2, heads=4, attention="full"),
            training=PriorTrainingConfig(
                **SHORT_PRIOR_TRAINING,
                steps=8,
                warmup_steps=2,
                ema_decay=0.999,
                validate_every=None,
                log_every=2,
            ),
        ),
        sample=SampleConfig(prompts=("a red apple", "a cat face"), train_prompts=4, val_prompts=2, candidates=4),
        evaluate=EvaluateConfig(judge=JudgeTrainingConfig(steps=8, batch_size=16)),
    )


def _dvae_of_minutes(image_size: int, steps: int, code_px: Literal[4, 6] = 6) -> DVAEConfig:
    """A dVAE trained for minutes: the KL weight grows for 3/10 of the steps, the temperature falls for 7/10."""
    return DVAEConfig(
        model=_small_dvae(image_size, hidden=64, blocks_per_group=2, code_px=code_px),
        training=DVAETrainingConfig(
            **SHORT_DVAE_TRAINING,
            steps=steps,
            precision=fastest_precision(),
            warmup_steps=100,
            beta=0.03,
            beta_steps=steps * 3 // 10,
            tau_steps=steps * 7 // 10,
            ema_decay=0.995,
            validate_every=500,
            validation_images=512,
        ),
    )


def _clip_of_minutes(steps: int) -> CLIPConfig:
    """A ranker for compositions that is trained for minutes."""
    return CLIPConfig(
        model=CLIPLayout(image_size=48),
        training=CLIPTrainingConfig(
            **SHORT_CLIP_TRAINING,
            steps=steps,
            precision=fastest_precision(),
            batch_size=96,
            warmup_steps=30,
            validate_every=100,
        ),
    )


def _prior_of_minutes(steps: int, code_noise: float = 0.25) -> PriorTrainingConfig:
    """Training of a prior for compositions; the share `code_noise` of the codes that it reads is random."""
    return PriorTrainingConfig(
        **SHORT_PRIOR_TRAINING,
        steps=steps,
        precision=fastest_precision(),
        warmup_steps=50,
        beta2=0.98,
        ema_decay=0.98,
        code_noise=code_noise,
        validate_every=steps // 4,
        validation_rows=512,
    )


def _small_dvae(image_size: int, hidden: int, blocks_per_group: int, code_px: Literal[4, 6] = 6) -> DVAEModelConfig:
    """A dVAE with codes out of 256, of 6x6 pixels each: grids of 10x10 for images of 60 px, 16x16 for 96 px."""
    return DVAEModelConfig(
        image_size=image_size,
        vocab_size=256,
        hidden=hidden,
        groups=2,
        blocks_per_group=blocks_per_group,
        decoder_init=64,
        stem="unshuffle",
        unshuffle_factor=code_px // 2,
        post_gain=1.0,
        standardise_logits=True,
        logit_scale=6,
        min_log_scale=-1.5,
    )


def _small_vqgan(channels: int) -> VQGANModelConfig:
    """A VQGAN from images of 60 px to grids of 15x15 out of 256 codes."""
    return VQGANModelConfig(
        image_size=60,
        vocab_size=256,
        channels=channels,
        channel_factors=(1, 2, 2),
        blocks_per_level=1,
        attention_sizes=(15,),
        latent_channels=2 * channels,
        code_length=16,
    )


RECIPES: dict[RecipeName, Callable[[], PipelineConfig]] = {
    "demo": demo,
    "gallery": gallery,
    "emoji": emoji,
    "smoke": smoke,
}


def recipe_name(name: str) -> RecipeName:
    """`name`, checked to be that of a recipe.

    Raises:
        ConfigError: there is no recipe of this name.
    """
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe '{name}'; there are: {', '.join(RECIPES)}.")
    return name


def recipe_config(name: RecipeName) -> PipelineConfig:
    """The config of a recipe."""
    return RECIPES[name]()


def descriptions() -> dict[str, str]:
    """The docstring of each recipe, by name."""
    return {name: inspect.cleandoc(make.__doc__ or "") for name, make in RECIPES.items()}
