"""Recipes for GPUs: a person's own pictures on one, Conceptual Captions on one machine or four, the paper on 128.

None of them has been run: their docstrings say what `dalle plan` computes, which a test compares.
"""

from typing import Literal

from flows.config import (
    BPEConfig,
    CLIPConfig,
    CrawlConfig,
    DVAEConfig,
    ExtractConfig,
    FetchConfig,
    PackConfig,
    PipelineConfig,
    PriorConfig,
    SampleConfig,
    ScreenImagesConfig,
)
from flows.recipes.short_trainings import SHORT_CLIP_TRAINING, SHORT_PRIOR_TRAINING
from models.clip.config import CLIPLayout, CLIPTrainingConfig
from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.prior.config import PriorLayout, PriorTrainingConfig
from models.training.config import Precision
from tasks.crawl.sources.common_crawl import WARCSource
from tasks.crawl.sources.conceptual_captions import CC3MSource, CC12MSource
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.sources.wit import WITSource
from tasks.crawl.sources.yfcc import YFCCSource

# The paper ranks by a contrastive model that it does not name (2.6); this is a public one.
PUBLISHED_CLIP = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
URLS_PER_SHARD = 10_000  # of crawls of millions, as img2dataset's


def folder() -> PipelineConfig:
    """A few thousand pictures of your own with captions, 128 px, on one GPU of 24 GB.

    They lie in `pictures`, or where `--set source=FOLDER` says. As the demo, it deviates from the paper for short
    training: standardised logits in the dVAE, Muon and random codes in the prior. Few pictures are memorised.

    Plan: a prior of 30.6 million parameters, 4.13 GB a GPU, 22 min 41 s with the dVAE's training on 1 rtx-4090-24gb.
    """
    steps = 20_000
    return PipelineConfig(
        source=CrawlConfig(sources=(FolderSource(path="pictures"),)),
        fetch=FetchConfig(image_size=192),
        screen_images=ScreenImagesConfig(min_side_px=128),
        bpe=BPEConfig(vocab_size=4096, text_length=64),
        dvae=DVAEConfig(
            model=DVAEModelConfig(
                image_size=128,
                vocab_size=1024,
                hidden=128,
                groups=3,
                decoder_init=128,
                stem="unshuffle",
                post_gain=1.0,
                standardise_logits=True,
                min_log_scale=-1.5,
            ),
            training=DVAETrainingConfig(
                steps=steps,
                batch_size=64,
                precision="bf16",
                learning_rate=1e-3,
                final_learning_rate=1e-5,
                decay_steps=None,
                warmup_steps=500,
                clip_norm=1.0,
                beta=0.03,
                beta_steps=steps * 3 // 10,
                tau_steps=steps * 7 // 10,
                validate_every=2000,
            ),
        ),
        clip=CLIPConfig(
            model=CLIPLayout(image_size=64),
            training=CLIPTrainingConfig(
                **{**SHORT_CLIP_TRAINING, "augment": True},
                steps=4000,
                precision="bf16",
                batch_size=256,
                warmup_steps=200,
                validate_every=1000,
            ),
        ),
        prior=PriorConfig(
            model=PriorLayout(width=512, layers=8, heads=8),
            training=PriorTrainingConfig(
                **{**SHORT_PRIOR_TRAINING, "batch_size": 64},
                steps=steps,
                precision="bf16",
                warmup_steps=500,
                ema_decay=0.999,
                code_noise=0.25,
                validate_every=2000,
            ),
        ),
        extract=ExtractConfig(encodings=4),
        sample=SampleConfig(precision="bf16"),
    )


def cc3m() -> PipelineConfig:
    """Conceptual Captions, 3.3 million pairs at 256 px, with a prior of 1.3 billion on one machine of 8 GPUs.

    The lists lie in `lists/cc3m`. The paper tried its ideas at this scale: up to 1.2 billion parameters on these
    captions (2.3). dVAE, tokenizers and the order of layers are the paper's, in bf16; trainings are shorter.

    Plan: a prior of 1.32 billion parameters, 61.9 GB a GPU, 260 hours with the dVAE's training (2,081 of a GPU) on 1
    x 8 a100-80gb.
    """
    return PipelineConfig(
        source=CrawlConfig(sources=(CC3MSource(path="lists/cc3m"),)),
        fetch=FetchConfig(urls_per_shard=URLS_PER_SHARD),
        pack=PackConfig(val_fraction=0.005),
        bpe=BPEConfig(),
        dvae=_dvae("bf16", steps=300_000),
        clip=CLIPConfig(pretrained=PUBLISHED_CLIP),
        prior=_prior("bf16", width=1280, heads=20, batch_size=512, steps=100_000),
        extract=ExtractConfig(encodings=2, precision="bf16"),
        sample=_sample("bf16"),
    )


def cc12m() -> PipelineConfig:
    """Conceptual 12M with the paper's prior of 2.8 billion, on four machines of 8 GPUs.

    The lists lie in `lists/cc12m`. All but the lengths of the trainings and bf16 is the paper's.

    Plan: a prior of 2.93 billion parameters, 31.5 GB a GPU, 312 hours with the dVAE's training (9,989 of a GPU) on 4
    x 8 a100-80gb.
    """
    return PipelineConfig(
        source=CrawlConfig(sources=(CC12MSource(path="lists/cc12m"),)),
        fetch=FetchConfig(urls_per_shard=URLS_PER_SHARD),
        pack=PackConfig(val_fraction=0.002),
        bpe=BPEConfig(),
        dvae=_dvae("bf16", steps=1_000_000),
        clip=CLIPConfig(pretrained=PUBLISHED_CLIP),
        prior=_prior("bf16", width=1920, heads=30, batch_size=1024, steps=120_000),
        extract=ExtractConfig(encodings=2, precision="bf16"),
        sample=_sample("bf16"),
    )


def paper_2_8b() -> PipelineConfig:
    """The paper's smallest prior of table 1, 2.8 billion, with its published hyper-parameters (appendices A and B).

    Its 250 million pairs are those of Conceptual Captions, Wikipedia, YFCC100M and a crawl that was not published
    (2.3); here that is Common Crawl. The lists lie in `lists`.

    Plan: a prior of 2.93 billion parameters, 4.51 GB a GPU, 131 hours with the dVAE's training (133,747 of a GPU) on
    128 x 8 v100-16gb. Not runnable today: the paper's 16-bit weights and gradients.
    """
    return _paper(width=1920, heads=30, compression_rank=512)


def paper_5_6b() -> PipelineConfig:
    """The paper's middle prior of table 1, 5.6 billion; all else as in `paper-2.8b`.

    Plan: a prior of 5.69 billion parameters, 8.05 GB a GPU, 220 hours with the dVAE's training (225,673 of a GPU) on
    128 x 8 v100-16gb. Not runnable today: the paper's 16-bit weights and gradients.
    """
    return _paper(width=2688, heads=42, compression_rank=640)


def paper_12b() -> PipelineConfig:
    """The paper's model, 12 billion parameters, with its published hyper-parameters (appendices A and B).

    All else as in `paper-2.8b`.

    Plan: a prior of 12.3 billion parameters, 16.1 GB a GPU, 436 hours with the dVAE's training (446,124 of a GPU) on
    128 x 8 v100-16gb. Not runnable today: the paper's 16-bit weights and gradients.
    """
    return _paper(width=3968, heads=62, compression_rank=896)


def _paper(width: int, heads: int, compression_rank: int) -> PipelineConfig:
    """The paper's pipeline; what is not said here are the defaults of the configs, which are the paper's."""
    training = PriorTrainingConfig(
        precision="fp16", loss_scale="per_block", moments="paper", compression_rank=compression_rank
    )
    return PipelineConfig(
        source=CrawlConfig(
            sources=(
                CC3MSource(path="lists/cc3m"),
                WITSource(path="lists/wit"),
                YFCCSource(path="lists/yfcc"),
                WARCSource(path="lists/wat.paths.gz"),
            )
        ),
        fetch=FetchConfig(urls_per_shard=URLS_PER_SHARD),
        pack=PackConfig(val_fraction=606_000 / 250_000_000),  # B.2
        dvae=_dvae("fp16", steps=3_000_000),
        clip=CLIPConfig(pretrained=PUBLISHED_CLIP),
        prior=PriorConfig(model=PriorLayout(width=width, heads=heads), training=training),
        extract=ExtractConfig(encodings=2),
        sample=_sample("fp32"),
    )


def _dvae(precision: Precision, steps: int) -> DVAEConfig:
    """The paper's dVAE; a shorter training has its ramps as long in proportion to it (A.2)."""
    whole = DVAETrainingConfig()
    share = steps / whole.steps
    return DVAEConfig(
        training=DVAETrainingConfig(
            steps=steps,
            precision=precision,
            decay_steps=round((whole.decay_steps or whole.steps) * share),
            tau_steps=round(whole.tau_steps * share),
        )
    )


def _prior(precision: Precision, width: int, heads: int, batch_size: int, steps: int) -> PriorConfig:
    """A prior as deep as the paper's, and trained as the paper's, but for fewer updates."""
    training = PriorTrainingConfig(precision=precision, batch_size=batch_size, steps=steps)
    return PriorConfig(model=PriorLayout(width=width, heads=heads), training=training)


def _sample(precision: Literal["fp32", "bf16"]) -> SampleConfig:
    """512 candidates of a caption, the paper's (2.6)."""
    return SampleConfig(precision=precision, candidates=512)
