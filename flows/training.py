"""From packed pairs to the models: both tokenizers, the ranker and the generator."""

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

    tokenizer: Artifact
    tokens: Artifact
    generator: Artifact
    ranker: Artifact


def training(config: PipelineConfig, run: Run, pairs: Artifact) -> Models:
    """Trains in two stages, as the paper does: first the image tokens, then the prior over them (section 2)."""
    bpe = run(train_bpe, config.bpe, pairs=pairs)
    tokenizer = run(train_dvae, config.dvae, pairs=pairs)
    ranker = run(train_clip, config.clip, pairs=pairs, bpe=bpe)
    tokens = run(extract, config.extract, pairs=pairs, tokenizer=tokenizer)
    prior = run(train_prior, config.prior, tokens=tokens, bpe=bpe, tokenizer=tokenizer)
    return Models(tokenizer=tokenizer, tokens=tokens, generator=prior, ranker=ranker)
