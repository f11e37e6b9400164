"""Recipes that a laptop runs, on pictures that come with the project."""

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
    TranslateConfig,
    VQGANConfig,
)
from flows.recipes.short_trainings import (
    SHORT_CLIP_TRAINING,
    SHORT_DVAE_TRAINING,
    SHORT_PRIOR_TRAINING,
    clip_of_minutes,
    dvae_of_minutes,
    fastest_precision,
    prior_of_minutes,
    small_dvae,
    small_vqgan,
)
from models.clip.config import CLIPTrainingConfig
from models.dvae.config import DVAETrainingConfig
from models.judge.config import JudgeTrainingConfig
from models.prior.config import PriorLayout, PriorTrainingConfig
from models.vqgan.config import VQGANTrainingConfig
from tasks.compositions.config import CompositionsConfig
from tasks.report.config import Targets
from tasks.train.health import DVAEHealth, TokenizerHealth

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


def demo() -> PipelineConfig:
    """Compositions from a site on this machine, 96 px: a quarter of an hour on two CPU cores, 3 GB of memory.

    24 things on grounds of 8 colours, in pairs, sizes and counts, with whole combinations held out. Expect most of the
    captions that were never seen to be drawn right. Deviations from the paper, for speed: a pixel-unshuffle stem,
    standardised logits and a floor on the Laplace scale in the dVAE; Muon, and random codes among those that are read,
    in the prior.
    """
    return _compositions(
        corpus=CompositionsConfig(
            things=24,
            unseen_things=4,
            colours=8,
            pairs=552,
            per_pair=4,
            per_pattern=5,
            per_size=5,
            per_count=5,
            captions=2,
        ),
        dvae=dvae_of_minutes(96, steps=1000),
        clip=clip_of_minutes(steps=200),
        prior=PriorConfig(
            model=PriorLayout(width=192, layers=4, heads=4),
            training=prior_of_minutes(steps=3000, batch_size=8, validation_rows=256),
        ),
        prompts=WISHES + WISHES_FOR_UNSEEN_THINGS,
        candidates=8,
        judge=JudgeTrainingConfig(steps=200),
        targets=Targets(composed_first=0.7, composed_best=0.85, psnr_db=21.5, minutes=15.0, memory_gb=6.0),
    )


def gallery() -> PipelineConfig:
    """What the demo does with codes of 4x4 pixels, 30 things and longer trainings: an hour and a half on two CPU cores.

    It makes the models of `data/gallery`. Grounds of 10 colours, 24x24 codes and 64 candidates a caption. Expect 19 of
    20 captions that were never seen to be drawn right, and things that share a picture to be recognised by eye.
    """
    return _compositions(
        corpus=CompositionsConfig(
            things=30,
            unseen_things=4,
            colours=10,
            pairs=870,
            per_pair=3,
            per_pattern=5,
            per_size=10,
            per_count=8,
            captions=2,
        ),
        dvae=dvae_of_minutes(96, steps=2500, code_px=4),
        clip=clip_of_minutes(steps=800),
        prior=PriorConfig(
            model=PriorLayout(width=192, layers=5, heads=4),
            training=prior_of_minutes(steps=3000, batch_size=16),
        ),
        prompts=WISHES + GALLERY_WISHES_FOR_UNSEEN_THINGS,
        candidates=64,
        judge=JudgeTrainingConfig(),
        targets=Targets(composed_first=0.85, composed_best=0.95, psnr_db=25.0, minutes=180.0, memory_gb=6.0),
        translated=4,
    )


def _compositions(
    corpus: CompositionsConfig,
    dvae: DVAEConfig,
    clip: CLIPConfig,
    prior: PriorConfig,
    prompts: tuple[str, ...],
    candidates: int,
    judge: JudgeTrainingConfig,
    targets: Targets,
    translated: int = 0,
) -> PipelineConfig:
    """A pipeline on composed pictures, trained at 96 px.

    Args:
        translated: held-out pictures whose lower part is drawn anew.
    """
    return PipelineConfig(
        source=CrawlConfig(compositions=corpus),
        screen_images=ScreenImagesConfig(min_side_px=96),
        fetch=FetchConfig(image_size=144),
        bpe=BPEConfig(vocab_size=1024, text_length=28),
        dvae=dvae,
        clip=clip,
        prior=prior,
        sample=SampleConfig(precision=fastest_precision(), prompts=prompts, val_prompts=64, candidates=candidates),
        translate=TranslateConfig(precision=fastest_precision(), pictures=translated),
        evaluate=EvaluateConfig(judge=judge),
        report=ReportConfig(targets=targets),
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
        dvae=dvae_of_minutes(60, steps=2000),
        vqgan=VQGANConfig(
            model=small_vqgan(channels=32),
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
            model=small_dvae(60, hidden=16, blocks_per_group=1),
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
            model=small_vqgan(channels=8),
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
