"""The evaluate stage: judges every sample, rebuilds held-out images, and writes metrics.json."""

import json
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage
from tasks.evaluate import summary
from tasks.evaluate.config import Config
from tasks.evaluate.judge import JUDGED, SamplesToJudge, judge_samples
from tasks.evaluate.nearest import Questions, Scan, either, scan, shard_thumbnails
from tasks.evaluate.rebuild import MEASURED, ImagesToRebuild, rebuild_images
from tasks.settings import Settings

READS = {
    "pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS},
    "tokens": {"train": schemas.TOKENS},
    "scores": {"scores": schemas.SCORES},
}


@stage(Config, version=1, reads=READS, headline=("hit_rate_best", "hit_rate_first"))
def evaluate(
    config: Config, output: Output, pairs: Artifact, tokenizer: Artifact, tokens: Artifact, scores: Artifact
) -> None:
    """Judges samples by the image they look like, which is no ranker's opinion (after sections 2.6 and 3.1)."""
    sampled, held_out = scores.files("scores"), pairs.files("val")
    thumbnails = map_shards(partial(shard_thumbnails, "image"), [*sampled, *held_out], output.settings)
    questions = _questions(thumbnails, sampled)
    train = scan(pairs.files("train"), questions, output.settings)
    assert train is not None  # pack does not finish without a training shard
    val = scan(held_out, questions, output.settings)
    rebuild = partial(ImagesToRebuild, tokenizer, output.settings, config.rebuilt_per_shard)
    work = _work(rebuild, sampled, held_out, thumbnails, train, val)
    markers = output.map(evaluate_shard, work, unit="images")
    written = [f"{output.uri}/{record.path}" for marker in markers for record in marker.files]
    judged = _rows(_of_kind(written, "judged"), JUDGED)
    rebuilt = _with_nearest(_of_kind(written, "reconstructions"), pairs, output.settings)
    size = int(tokenizer.manifest().metrics["vocab_size"])
    counts = sum(
        map_shards(partial(count_codes, size), tokens.files("train"), output.settings), np.zeros(size, np.int64)
    )
    figures = summary.summarise(config, judged, rebuilt, counts, train, val)
    output.metrics |= summary.headline(figures)
    output.write("metrics.json", (json.dumps(figures, indent=2, sort_keys=True) + "\n").encode())


def evaluate_shard(work: SamplesToJudge | ImagesToRebuild) -> Shard:
    """Judges samples or rebuilds images. Runs in a Dask worker."""
    return judge_samples(work) if isinstance(work, SamplesToJudge) else rebuild_images(work)


def count_codes(vocab_size: int, uri: str) -> NDArray[np.int64]:
    """How often each code occurs in a shard of tokens: int64 [V]."""
    codes = np.frombuffer(b"".join(schemas.read_table(uri)["codes"].to_pylist()), "<u2")
    return np.bincount(codes, minlength=vocab_size).astype(np.int64)


def _questions(thumbnails: Sequence[NDArray[np.uint8]], sampled: Sequence[str]) -> Questions:
    tables = [schemas.read_table(uri).select(["prompt", "pair_id"]) for uri in sampled]
    prompted = [row for table in tables for row in table.to_pylist() if row["pair_id"] is not None]
    return Questions(
        thumbnails=np.concatenate(thumbnails),
        prompts=tuple(sorted({row["prompt"] for row in prompted})),
        pair_ids=frozenset(row["pair_id"] for row in prompted),
    )


def _work(
    rebuild: Callable[..., ImagesToRebuild],
    sampled: Sequence[str],
    held_out: Sequence[str],
    thumbnails: Sequence[NDArray[np.uint8]],
    train: Scan,
    val: Scan | None,
) -> list[SamplesToJudge | ImagesToRebuild]:
    among_all = either(train.nearest, val.nearest if val else None)
    prompted = train.prompted | (val.prompted if val else {})
    work: list[SamplesToJudge | ImagesToRebuild] = []
    start = 0
    for uri, own in zip([*sampled, *held_out], thumbnails, strict=True):
        stop = start + len(own)
        near = train.nearest.part(start, stop)
        if len(work) < len(sampled):
            work.append(SamplesToJudge(uri, own, near, among_all.part(start, stop), prompted))
        else:
            work.append(rebuild(uri, near.mse))
        start = stop
    return work


def _with_nearest(reconstructions: Sequence[str], pairs: Artifact, settings: Settings) -> list[dict]:
    """Rebuilt images with the distance to the nearest training image, and whether each is nearest to its own original.

    Samples come out of the same decoder, so its reconstructions of unseen images are the fair thing to hold them to.
    """
    rows = _rows(reconstructions, MEASURED)
    if not rows:
        return []
    questions = Questions.about(map_shards(partial(shard_thumbnails, "reconstruction"), reconstructions, settings))
    train = scan(pairs.files("train"), questions, settings)
    val = scan(pairs.files("val"), questions, settings)
    assert train is not None
    nearest = either(train.nearest, val.nearest if val else None)
    answers = zip(rows, train.nearest.mse, nearest.pair_ids, strict=True)
    return [
        row | {"rebuilt_nearest_mse": float(mse), "is_recognised": bool(pair_id == row["pair_id"])}
        for row, mse, pair_id in answers
    ]


def _of_kind(uris: Sequence[str], kind: str) -> list[str]:
    return [uri for uri in uris if uri.rsplit("/", 1)[-1].startswith(f"{kind}-")]


def _rows(uris: Sequence[str], schema: pa.Schema) -> list[dict]:
    return [row for uri in uris for row in schemas.read_table(uri).select(schema.names).to_pylist()]
