"""The evaluate stage: judges every sample, rebuilds held-out images, and writes metrics.json."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import schemas
from tasks.checkpoints import release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.row_groups import table_bytes
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage
from tasks.evaluate.compositions.learning import LearnedCompositions, learn_compositions
from tasks.evaluate.compositions.search import search_by_ranker
from tasks.evaluate.compositions.trial import JudgeTrial, try_judge
from tasks.evaluate.config import Config
from tasks.evaluate.evidence import Evidence, Row, TableRows
from tasks.evaluate.failures.attention import look_at_captions
from tasks.evaluate.feature_search import search_by_features
from tasks.evaluate.figures import METRICS, headline, measure
from tasks.evaluate.judge import JUDGED, Judges, SamplesToJudge, judge_samples, require_other_model
from tasks.evaluate.leakage.leaks import find_leaks
from tasks.evaluate.leakage.shown import stored_pictures
from tasks.evaluate.lookup import LookedUp, SmallCorpus, look_up
from tasks.evaluate.nearest import distance
from tasks.evaluate.picture_sets.clip import see_by_clip
from tasks.evaluate.picture_sets.features import see_sets
from tasks.evaluate.pictures import KIND
from tasks.evaluate.places import sum_places
from tasks.evaluate.probes import try_probes
from tasks.evaluate.rebuild import MEASURED, ImagesToRebuild, rebuild_images
from tasks.evaluate.scan import Questions, Scan, scan
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
    asked = [_asked(uri) for uri in sampled]
    train, val, corpus = _scanned(pairs, asked, output)
    find = partial(look_up, corpus, folder=f"{output.exchange}/likeness", settings=output.settings)
    likeness, own_likeness = find("image", sampled), find("image", held_out)
    learned = learn_compositions(pairs, config.judge)
    judges = Judges(scorer, learned.judge if learned else None, config.ocr, output.settings)
    prompted = train.prompted | (val.prompted if val else {})
    work: list[SamplesToJudge | ImagesToRebuild] = [
        SamplesToJudge(uri, like, {pair_id: prompted[pair_id] for pair_id in own if pair_id in prompted})
        for uri, like, own in zip(sampled, likeness, asked, strict=True)
    ]
    if tokenizer is not None:
        rebuild = partial(ImagesToRebuild, tokenizer, generator, output.settings, config.rebuilt_per_shard)
        work += [rebuild(uri, like) for uri, like in zip(held_out, own_likeness, strict=True)]
    markers = output.map(partial(evaluate_shard, judges), work, "images", release_models)
    written = [f"{output.uri}/{record.path}" for marker in markers for record in marker.files]
    rebuilt = _of_kind(written, "reconstructions")
    judged = TableRows(_table(_of_kind(written, "judged"), JUDGED))
    size = int(tokenizer.manifest().metrics["vocab_size"]) if tokenizer else None
    counts = _code_counts(size, tokens, output.settings) if size and tokens else None
    rebuilt_rows = _with_nearest(rebuilt, find("reconstruction", rebuilt), zip(held_out, own_likeness, strict=True))
    sets = see_sets(config, pairs, scores, output.settings)
    evidence = Evidence(
        config=config,
        judged=judged,
        train=train,
        val=val,
        held_out_mse=[mse for uri in own_likeness for mse in LookedUp.read(uri).among_train.mse.tolist()],
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
        leaks=find_leaks(pairs, _written_prompts(judged), output.settings),
        probes=try_probes(judged, sampled, tokenizer, scorer, output.settings),
    )
    evaluation = measure(evidence)
    output.metrics |= headline(evaluation)
    if evidence.leaks is not None:
        stored = stored_pictures(evidence.leaks, output.settings)
        output.write(f"{KIND}-00000.parquet", table_bytes(stored), stored.num_rows)
    output.write(METRICS, (evaluation.model_dump_json(indent=2) + "\n").encode())
    output.remove_exchange()


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


def evaluate_shard(judges: Judges, work: SamplesToJudge | ImagesToRebuild) -> Shard:
    """Judges samples or rebuilds images. Runs in a Dask worker."""
    return judge_samples(judges, work) if isinstance(work, SamplesToJudge) else rebuild_images(work)


def _code_counts(vocab_size: int, tokens: Artifact, settings: Settings) -> NDArray[np.int64]:
    parts = map_shards(partial(count_codes, vocab_size), tokens.files("train"), settings)
    return sum(parts, np.zeros(vocab_size, np.int64))


def count_codes(vocab_size: int, uri: str) -> NDArray[np.int64]:
    """How often each code occurs in a shard of tokens: int64 [V]."""
    codes = np.frombuffer(b"".join(schemas.read_table(uri, ["codes"])["codes"].to_pylist()), "<u2")
    return np.bincount(codes, minlength=vocab_size).astype(np.int64)


def _asked(uri: str) -> dict[str, str]:
    """The captions of pairs that a shard of samples was drawn for, by the id of the pair."""
    table = schemas.read_table(uri, ["pair_id", "prompt"])
    known = table.filter(pc.is_valid(table["pair_id"]))
    return dict(zip(known["pair_id"].to_pylist(), known["prompt"].to_pylist(), strict=True))


def _scanned(
    pairs: Artifact, asked: Sequence[Mapping[str, str]], output: Output
) -> tuple[Scan, Scan | None, SmallCorpus]:
    """What the training pairs and the held-out ones answer, and their pictures as they are searched."""
    questions = Questions(
        prompts=tuple(sorted({prompt for own in asked for prompt in own.values()})),
        pair_ids=frozenset(pair_id for own in asked for pair_id in own),
    )
    files = {split: pairs.files(split) for split in ("train", "val")}
    small = {split: [f"{output.exchange}/{uri.rsplit('/', 1)[-1]}" for uri in uris] for split, uris in files.items()}
    train, val = (scan(files[split], questions, small[split], output.settings) for split in files)
    assert train is not None  # pack does not finish without a training shard
    return train, val, SmallCorpus(**small)


def _written_prompts(judged: Sequence[Row]) -> list[str]:
    """The prompts that are no captions of the data."""
    return sorted({row["prompt"] for row in judged if row["pair_id"] is None})


def _with_nearest(
    reconstructions: Sequence[str], likeness: Sequence[str], held_out: Iterable[tuple[str, str]]
) -> list[dict]:
    """Rebuilt images with the distance to the nearest training image, and whether each is nearest to its own original.

    Samples come out of the same decoder, so its reconstructions of unseen images are the fair thing to hold them to.

    Args:
        likeness: URLs of the `LookedUp` of the rebuilt pictures.
        held_out: shards of the held-out pairs, each with the URL of its `LookedUp`.
    """
    rows = [row for uri in reconstructions for row in schemas.read_table(uri, MEASURED.names).to_pylist()]
    originals = _originals(held_out, {row["pair_id"] for row in rows})
    found: list[dict] = []
    for like in map(LookedUp.read, likeness):
        own = rows[len(found) : len(found) + len(like.thumbnails)]
        nearest = like.among_train
        answers = zip(own, like.thumbnails, nearest.mse, nearest.pair_ids, like.among_all.mse, strict=True)
        found += [
            row
            | {
                "rebuilt_nearest_mse": float(mse),
                "rebuilt_nearest_pair_id": str(pair_id),
                "is_recognised": distance(small, originals[row["pair_id"]]) == least,
            }
            for row, small, mse, pair_id, least in answers
        ]
    return found


def _originals(held_out: Iterable[tuple[str, str]], wanted: set[str]) -> dict[str, NDArray[np.uint8]]:
    """By id, the thumbnails of some held-out pairs."""
    found: dict[str, NDArray[np.uint8]] = {}
    for uri, like in held_out:
        pair_ids = schemas.read_table(uri, ["pair_id"])["pair_id"].to_pylist()
        small = LookedUp.read(like).thumbnails
        found |= {pair_id: small[place] for place, pair_id in enumerate(pair_ids) if pair_id in wanted}
    return found


def _of_kind(uris: Sequence[str], kind: str) -> list[str]:
    return [uri for uri in uris if uri.rsplit("/", 1)[-1].startswith(f"{kind}-")]


def _table(uris: Sequence[str], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *(schemas.read_table(uri, schema.names) for uri in uris)])
