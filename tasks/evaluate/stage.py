"""The evaluate stage: judges every sample, rebuilds held-out images, and writes metrics.json."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas
from tasks.checkpoints import release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage
from tasks.evaluate.compositions.learning import LearnedCompositions, learn_compositions
from tasks.evaluate.compositions.search import search_by_ranker
from tasks.evaluate.compositions.trial import JudgeTrial, try_judge
from tasks.evaluate.config import Config
from tasks.evaluate.evidence import Evidence, Row
from tasks.evaluate.failures.attention import look_at_captions
from tasks.evaluate.feature_search import search_by_features
from tasks.evaluate.figures import METRICS, headline, measure
from tasks.evaluate.judge import JUDGED, SamplesToJudge, distance, judge_samples, require_other_model
from tasks.evaluate.nearest import Questions, Scan, either, scan, shard_thumbnails
from tasks.evaluate.picture_sets.clip import see_by_clip
from tasks.evaluate.picture_sets.features import see_sets
from tasks.evaluate.places import sum_places
from tasks.evaluate.rebuild import MEASURED, ImagesToRebuild, rebuild_images
from tasks.settings import Settings

READS = {
    "pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS},
    "tokens": {"train": schemas.TOKENS},
    "scores": {"scores": schemas.SCORES},
}
HEADLINE = ("composed_seen_first", "composed_unseen_first", "hit_rate_best", "hit_rate_first")


@stage(Config, version=11, reads=READS, headline=HEADLINE)
def evaluate(
    config: Config,
    output: Output,
    pairs: Artifact,
    scores: Artifact,
    tokenizer: Artifact | None = None,
    tokens: Artifact | None = None,
    scorer: Artifact | None = None,
    ranker: Artifact | None = None,
    generator: Artifact | None = None,
) -> None:
    """Judges samples by the image they look like, which is no ranker's opinion (after sections 2.6 and 3.1).

    Args:
        tokenizer, tokens: the image tokenizer and the training tokens, where the samples' generator has them. Without
            them no image is rebuilt and no code counted.
        scorer: a second CLIP, which scores the samples.
        ranker: the CLIP that ranked them, to search the training pictures with, where the corpus shows compositions.
        generator: what drew them, to look at its losses and its attention on held-out pairs; of no use without
            `tokenizer`, whose codes it is shown.

    Raises:
        ModelMismatchError: the second CLIP is the one that ranked the samples.
        CheckpointError: the file in `inception` does not hold a network that can be used.
    """
    if scorer is not None:
        require_other_model(scorer, scores)
    sampled, held_out = scores.files("scores"), pairs.files("val")
    thumbnails = map_shards(partial(shard_thumbnails, "image"), [*sampled, *held_out], output.settings)
    questions = _questions(thumbnails, sampled)
    train = scan(pairs.files("train"), questions, output.settings)
    assert train is not None  # pack does not finish without a training shard
    val = scan(held_out, questions, output.settings)
    learned = learn_compositions(pairs, config.judge)
    reader = learned.judge if learned else None
    judge = partial(SamplesToJudge, scorer=scorer, compositions=reader, settings=output.settings)
    work: list[SamplesToJudge | ImagesToRebuild] = [*_to_judge(judge, sampled, thumbnails[: len(sampled)], train, val)]
    nearest_mse = train.nearest.part(sum(map(len, thumbnails[: len(sampled)])), None).mse
    if tokenizer is not None:
        rebuild = partial(ImagesToRebuild, tokenizer, generator, output.settings, config.rebuilt_per_shard)
        work += _to_rebuild(rebuild, held_out, thumbnails[len(sampled) :], nearest_mse)
    markers = output.map(evaluate_shard, work, "images", release_models)
    written = [f"{output.uri}/{record.path}" for marker in markers for record in marker.files]
    rebuilt = _of_kind(written, "reconstructions")
    judged = _rows(_of_kind(written, "judged"), JUDGED)
    size = int(tokenizer.manifest().metrics["vocab_size"]) if tokenizer else None
    counts = _code_counts(size, tokens, output.settings) if size and tokens else None
    rebuilt_rows = _with_nearest(rebuilt, pairs, output.settings)
    sets = see_sets(config, pairs, scores, output.settings)
    evidence = Evidence(
        config=config,
        judged=judged,
        train=train,
        val=val,
        held_out_mse=nearest_mse.tolist(),
        rebuilt=rebuilt_rows,
        vocab_size=size,
        code_counts=counts,
        scorer=scorer.manifest().metrics["model"] if scorer else None,
        places=sum_places(rebuilt, counts, output.settings),
        attention=look_at_captions(generator, rebuilt, output.settings) if generator else {},
        compositions=_trial(learned, pairs, rebuilt, train, judged, ranker, output.settings) if learned else None,
        picture_sets=sets,
        clip_sets=see_by_clip(scorer, sets, output.settings) if scorer and sets else None,
        feature_distances=search_by_features(config, pairs, scores, judged, rebuilt, rebuilt_rows, output.settings),
    )
    evaluation = measure(evidence)
    output.metrics |= headline(evaluation)
    output.write(METRICS, (evaluation.model_dump_json(indent=2) + "\n").encode())


def _trial(
    learned: LearnedCompositions,
    pairs: Artifact,
    rebuilt: Sequence[str],
    train: Scan,
    judged: Sequence[Row],
    ranker: Artifact | None,
    settings: Settings,
) -> JudgeTrial:
    by_words = {prompt: match.pair_id for prompt, match in train.found_by_words.items()}
    by_ranker = search_by_ranker(learned, ranker, pairs.files("train"), [*by_words], settings) if ranker else {}
    own = {row["prompt"]: row["pair_id"] for row in judged if row["group"] == "val"}
    return try_judge(learned, pairs.files("val"), rebuilt, by_words, by_ranker, settings, own)


def evaluate_shard(work: SamplesToJudge | ImagesToRebuild) -> Shard:
    """Judges samples or rebuilds images. Runs in a Dask worker."""
    return judge_samples(work) if isinstance(work, SamplesToJudge) else rebuild_images(work)


def _code_counts(vocab_size: int, tokens: Artifact, settings: Settings) -> NDArray[np.int64]:
    parts = map_shards(partial(count_codes, vocab_size), tokens.files("train"), settings)
    return sum(parts, np.zeros(vocab_size, np.int64))


def count_codes(vocab_size: int, uri: str) -> NDArray[np.int64]:
    """How often each code occurs in a shard of tokens: int64 [V]."""
    codes = np.frombuffer(b"".join(schemas.read_table(uri, ["codes"])["codes"].to_pylist()), "<u2")
    return np.bincount(codes, minlength=vocab_size).astype(np.int64)


def _questions(thumbnails: Sequence[NDArray[np.uint8]], sampled: Sequence[str]) -> Questions:
    tables = [schemas.read_table(uri, ["prompt", "pair_id"]) for uri in sampled]
    prompted = [row for table in tables for row in table.to_pylist() if row["pair_id"] is not None]
    return Questions(
        thumbnails=np.concatenate(thumbnails),
        prompts=tuple(sorted({row["prompt"] for row in prompted})),
        pair_ids=frozenset(row["pair_id"] for row in prompted),
    )


def _to_judge(
    judge: Callable[..., SamplesToJudge],
    sampled: Sequence[str],
    thumbnails: Sequence[NDArray[np.uint8]],
    train: Scan,
    val: Scan | None,
) -> Iterator[SamplesToJudge]:
    among_all = either(train.nearest, val.nearest if val else None)
    prompted = train.prompted | (val.prompted if val else {})
    start = 0
    for uri, own in zip(sampled, thumbnails, strict=True):
        stop = start + len(own)
        yield judge(uri, own, train.nearest.part(start, stop), among_all.part(start, stop), prompted)
        start = stop


def _to_rebuild(
    rebuild: Callable[[str, NDArray[np.float64]], ImagesToRebuild],
    held_out: Sequence[str],
    thumbnails: Sequence[NDArray[np.uint8]],
    nearest_mse: NDArray[np.float64],
) -> Iterator[ImagesToRebuild]:
    start = 0
    for uri, own in zip(held_out, thumbnails, strict=True):
        yield rebuild(uri, nearest_mse[start : start + len(own)])
        start += len(own)


def _with_nearest(reconstructions: Sequence[str], pairs: Artifact, settings: Settings) -> list[dict]:
    """Rebuilt images with the distance to the nearest training image, and whether each is nearest to its own original.

    Samples come out of the same decoder, so its reconstructions of unseen images are the fair thing to hold them to.
    """
    rows = _rows(reconstructions, MEASURED)
    if not rows:
        return []
    rebuilt = np.concatenate(map_shards(partial(shard_thumbnails, "reconstruction"), reconstructions, settings))
    questions = Questions(rebuilt, (), frozenset(row["pair_id"] for row in rows))
    train = scan(pairs.files("train"), questions, settings)
    val = scan(pairs.files("val"), questions, settings)
    assert train is not None
    assert val is not None
    nearest = train.nearest
    answers = zip(rows, rebuilt, nearest.mse, nearest.pair_ids, either(nearest, val.nearest).mse, strict=True)
    return [
        row
        | {
            "rebuilt_nearest_mse": float(mse),
            "rebuilt_nearest_pair_id": str(pair_id),
            "is_recognised": distance(own, val.prompted[row["pair_id"]]) == least,
        }
        for row, own, mse, pair_id, least in answers
    ]


def _of_kind(uris: Sequence[str], kind: str) -> list[str]:
    return [uri for uri in uris if uri.rsplit("/", 1)[-1].startswith(f"{kind}-")]


def _rows(uris: Sequence[str], schema: pa.Schema) -> list[dict]:
    return [row for uri in uris for row in schemas.read_table(uri, schema.names).to_pylist()]
