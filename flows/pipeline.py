"""The pipeline: which stages there are, and what each is made from. Start reading here.

A `Run` decides how a stage is executed: directly in this process, as a task run of Prefect, or not at all (a plan,
which only computes the addresses of artifacts). The DAG is written once, for all of them.
"""

from collections.abc import Callable

from flows.config import PipelineConfig
from flows.run import Run
from models.config import Frozen
from tasks.crawl.stage import crawl
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact
from tasks.evaluate.stage import evaluate
from tasks.extract import extract
from tasks.fetch.stage import fetch
from tasks.funnel.stage import funnel
from tasks.pack import pack
from tasks.report.stage import report
from tasks.rerank import rerank
from tasks.sample.stage import sample
from tasks.screen_captions.stage import screen_captions
from tasks.screen_images.stage import screen_images
from tasks.takedown.record import read_record
from tasks.takedown.stage import Config as TakedownConfig
from tasks.takedown.stage import match_takedowns
from tasks.train.bpe import train_bpe
from tasks.train.clip import train_clip
from tasks.train.dvae import train_dvae
from tasks.train.finished import take_generator, take_ranker, take_tokenizer
from tasks.train.prior import train_prior
from tasks.train.scorer import scorer
from tasks.train.subset import subset
from tasks.train.vqgan import train_vqgan
from tasks.translate.stage import translate


class Models(Frozen):
    """The artifacts of the training part that the evaluation part reads. `tokens`: None if none was trained on here."""

    tokenizer: Artifact
    tokens: Artifact | None
    generator: Artifact
    ranker: Artifact


class Tokenized(Frozen):
    """The artifacts that training makes before the prior: the pairs as tokens, and what reads and ranks them.

    `start`: the prior to start from; None for one that starts from nothing.
    """

    bpe: Artifact
    tokenizer: Artifact
    tokens: Artifact
    ranker: Artifact
    start: Artifact | None = None


def pipeline(run: Run, config: PipelineConfig, approve: Callable[[Artifact], None] = lambda pairs: None) -> Artifact:
    """The whole DAG, from the crawl to the report.

    Args:
        approve: called with the pairs before anything is trained on them; raises what says that nothing is to be.
    """
    pairs = run.part(dataset, config)
    account = run(funnel, config.funnel, pairs=pairs)
    approve(pairs)
    models = run.part(training, config, pairs)
    return run.part(evaluation, config, pairs, models, account)


def dataset(run: Run, config: PipelineConfig) -> Artifact:
    """From a source of images with alt texts to packed pairs; each dropped row is in the rejects of its stage.

    What has been taken down is left out by the last stage, so nothing before it is done again.
    """
    candidates = run(crawl, config.source)
    captions = run(screen_captions, config.screen_captions, candidates=candidates)
    fetched = run(fetch, config.fetch, captions=captions)
    screened = run(screen_images, config.screen_images, images=fetched)
    unique = run(dedup, config.dedup, images=screened)
    return run(pack, config.pack, images=unique, **left_out(run, screened, unique))


def left_out(run: Run, screened: Artifact, unique: Artifact) -> dict[str, Artifact]:
    """What the root's record of takedowns leaves out of unique pairs, as an input of `pack`; nothing if it is nothing.

    A takedown that leaves out none of them changes no address but that of the comparison. Before that is made, a plan
    takes it that each leaves out some.
    """
    recorded = TakedownConfig(takedowns=tuple(line.takedown for line in read_record(run.settings.root)))
    if not recorded.takedowns:
        return {}
    found = run(match_takedowns, recorded, screened=screened, unique=unique)
    needed = recorded.needed(found) if found.is_finished() else recorded
    if not needed.takedowns:
        return {}
    if needed != recorded:
        found = run(match_takedowns, needed, screened=screened, unique=unique)
    return {"takedowns": found}


def training(run: Run, config: PipelineConfig, pairs: Artifact) -> Models:
    """Trains in two stages, as the paper does: first the image tokens, then the prior over them (section 2).

    Where finished models are named, they are taken instead, or started from.
    """
    if config.models.pretrained is not None:
        return Models(
            tokenizer=run(take_tokenizer, config.models),
            tokens=None,
            generator=run(take_generator, config.models),
            ranker=run(take_ranker, config.models),
        )
    config = config.started
    return prior_over(run, config, pairs, tokenized(run, config, pairs))


def tokenized(run: Run, config: PipelineConfig, pairs: Artifact) -> Tokenized:
    """The first stage of training, and the ranker; then every pair is encoded once.

    A training that starts from a finished model takes both tokenizers from it.
    """
    start = run(take_generator, config.models) if config.models.starts else None
    bpe = run(train_bpe, config.bpe, pairs=pairs, **_if_any(start=start))
    match config.tokenizer:
        case "dvae":
            tokenizer = run(train_dvae, config.dvae, pairs=pairs)
        case "vqgan":
            tokenizer = run(train_vqgan, config.vqgan, pairs=pairs)
    ranker = run(train_clip, config.clip, pairs=pairs, bpe=bpe)
    tokens = run(extract, config.extract, pairs=pairs, tokenizer=tokenizer)
    return Tokenized(bpe=bpe, tokenizer=tokenizer, tokens=tokens, ranker=ranker, start=start)


def prior_over(run: Run, config: PipelineConfig, pairs: Artifact, made: Tokenized) -> Models:
    """The second stage of training, on all tokens or on those of a share of the images."""
    tokens, tokenizer = made.tokens, made.tokenizer
    if config.subset.share < 1:
        tokens = run(subset, config.subset, tokens=tokens, pairs=pairs, tokenizer=tokenizer)
    inputs = {"tokens": tokens, "bpe": made.bpe, "tokenizer": tokenizer} | _if_any(start=made.start)
    prior = run(train_prior, config.prior, **inputs)
    return Models(tokenizer=tokenizer, tokens=tokens, generator=prior, ranker=made.ranker)


def _if_any(**inputs: Artifact | None) -> dict[str, Artifact]:
    """The inputs of a stage that are there."""
    return {name: artifact for name, artifact in inputs.items() if artifact is not None}


def evaluation(
    run: Run, config: PipelineConfig, pairs: Artifact, models: Models, account: Artifact | None = None
) -> Artifact:
    """Draws, ranks, measures, and writes the report.

    Given pictures, where there are some, are translated too. The report shows the `account` of the data, the pairs'
    funnel, where that is given.
    """
    figures = measurement(run, config, pairs, models)
    translated = None
    if config.translate.is_on:
        inputs = {"pairs": pairs, "generator": models.generator, "ranker": models.ranker}
        translated = run(translate, config.translate, **inputs)
    return run(report, config.report, figures=figures, **_if_any(funnel=account, translations=translated))


def measurement(run: Run, config: PipelineConfig, pairs: Artifact, models: Models) -> Artifact:
    """Draws candidates for every prompt, ranks them with CLIP (section 2.6), and measures.

    Another CLIP than the ranker scores the samples too, where one is named.
    """
    samples = run(sample, config.sample, pairs=pairs, generator=models.generator)
    scores = run(rerank, config.rerank, samples=samples, ranker=models.ranker)
    inputs = {"pairs": pairs, "scores": scores}
    inputs |= {"tokenizer": models.tokenizer, "generator": models.generator, "ranker": models.ranker}
    inputs |= _if_any(tokens=models.tokens)
    if config.scorer.pretrained is not None:
        inputs["scorer"] = run(scorer, config.scorer)
    return run(evaluate, config.evaluate, **inputs)
