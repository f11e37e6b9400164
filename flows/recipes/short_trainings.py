"""Models and trainings of minutes on a CPU, which the small recipes are made of."""

from typing import Any, Literal

from flows.config import CLIPConfig, DVAEConfig
from models.clip.config import CLIPLayout, CLIPTrainingConfig
from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.prior.config import PriorTrainingConfig
from models.processor import computes_bf16
from models.vqgan.config import VQGANModelConfig

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


def fastest_precision() -> Literal["fp32", "bf16"]:
    """bf16 where this machine's processor computes it, which is 1.5 times as fast for the demo's dVAE, else fp32.

    It is decided here, so that the precision stands in the config and in the fingerprints of the models.
    """
    return "bf16" if computes_bf16() else "fp32"


def dvae_of_minutes(image_size: int, steps: int, code_px: Literal[4, 6] = 6) -> DVAEConfig:
    """A dVAE trained for minutes: the KL weight grows for 3/10 of the steps, the temperature falls for 7/10."""
    return DVAEConfig(
        model=small_dvae(image_size, hidden=64, blocks_per_group=2, code_px=code_px),
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


def clip_of_minutes(steps: int) -> CLIPConfig:
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


def prior_of_minutes(steps: int, batch_size: int, validation_rows: int = 512) -> PriorTrainingConfig:
    """Training of a prior for compositions: 2 of 5 codes that it reads are random, so that it reads the caption too."""
    return PriorTrainingConfig(
        **SHORT_PRIOR_TRAINING | {"batch_size": batch_size},
        steps=steps,
        precision=fastest_precision(),
        warmup_steps=50,
        beta2=0.98,
        ema_decay=0.98,
        code_noise=0.4,
        validate_every=steps // 4,
        validation_rows=validation_rows,
    )


def small_dvae(image_size: int, hidden: int, blocks_per_group: int, code_px: Literal[4, 6] = 6) -> DVAEModelConfig:
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


def small_vqgan(channels: int) -> VQGANModelConfig:
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
