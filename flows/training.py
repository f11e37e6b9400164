"""From packed pairs to the four models: tokenizer, dVAE, CLIP and the prior."""

from flows.config import PipelineConfig
from flows.run import Run
from models.config import Frozen
from tasks.engine.artifact import Artifact
from tasks.extract import extract
from tasks.train.bpe import train_bpe
from tasks.train.clip import train_clip
from tasks.train.dvae import train_dvae
from tasks.train.prior import train_prior


class Models(Frozen):
    """What training leaves behind."""

    bpe: Artifact
    dvae: Artifact
    clip: Artifact
    tokens: Artifact
    prior: Artifact


def training(config: PipelineConfig, run: Run, pairs: Artifact) -> Models:
    """Trains in two stages, as the paper does: first the image tokens, then the prior over them (section 2)."""
    bpe = run(train_bpe, config.bpe, pairs=pairs)
    dvae = run(train_dvae, config.dvae, pairs=pairs)
    clip = run(train_clip, config.clip, pairs=pairs, bpe=bpe)
    tokens = run(extract, config.extract, pairs=pairs, dvae=dvae)
    prior = run(train_prior, config.prior, tokens=tokens, bpe=bpe, dvae=dvae)
    return Models(bpe=bpe, dvae=dvae, clip=clip, tokens=tokens, prior=prior)
