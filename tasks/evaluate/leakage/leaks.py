"""Gathers what is known of leaks: what dedup kept out, what is still in training, and how much the search finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice

from models.training.errors import DataError
from tasks import schemas
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.evaluation_set import EvaluationSet, encoded_images
from tasks.dedup.signatures import key
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.shards import batches, map_shards
from tasks.errors import SourceError
from tasks.evaluate.leakage.copies import OF_JUDGED, Looks, views_of
from tasks.evaluate.leakage.dropped import Dropped, PictureAddress, dropped
from tasks.evaluate.leakage.search import ROWS_AT_ONCE, Found, Match, Sought, caption_key, search_shard
from tasks.evaluate.leakage.trial import copies_found
from tasks.settings import Settings

TRIED = 48  # held-out pictures of which copies are made
TURNED = 256  # held-out pictures that are turned upside down
MOST_BATCHES = 8  # of those of which copies are made

# A judged picture, and the nearest of its copies in training.
Answer = tuple[PictureAddress, Match | None]


@dataclass(frozen=True)
class Leaks:
    """What is known of leaks.

    Attributes:
        held_out: each held-out picture, and its URL.
        evaluation: each picture of the evaluation set, whose name stands in place of a pair.
        evaluation_set: None where there is none, or for the reason in `why_no_evaluation`.
        dropped: what dedup kept out; None where it is not among what the pairs were made from.
        captions, prompts: of each held-out caption, and of each prompt that is none of the data's, whether it is one of
            training.
        turned: of held-out pictures turned upside down, whether a copy was found.
        tried: of copies made of held-out pictures, by what was done to them, whether each was found.
    """

    held_out: Sequence[Answer]
    urls: Sequence[str] = ()
    evaluation: Sequence[Answer] = ()
    evaluation_set: EvaluationSet | None = None
    why_no_evaluation: str = ""
    dropped: Dropped | None = None
    captions: Sequence[bool] = ()
    prompts: Sequence[bool] = ()
    turned: Sequence[bool] = ()
    tried: Mapping[str, Sequence[bool]] = field(default_factory=dict)


@dataclass
class JudgedShard:
    """The judged pictures of a held-out shard or of a part of an evaluation set."""

    digests: list[bytes] = field(default_factory=list)
    addresses: list[PictureAddress] = field(default_factory=list)
    views: list[Looks] = field(default_factory=list)
    turned: list[Looks] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)  # by pair
    captions: set[bytes] = field(default_factory=set)


def find_leaks(pairs: Artifact, prompts: Sequence[str], settings: Settings) -> Leaks | None:
    """Looks for all judged pictures and captions in training; None where nothing is held out.

    Args:
        prompts: those that are no captions of the data.
    """
    shards = pairs.files("val")
    held_out = map_shards(partial(read_held_out, -(-TURNED // max(len(shards), 1))), shards, settings)
    if not any(part.digests for part in held_out):
        return None
    made_by = next((each for each in lineage(pairs) if each.stage == dedup.name), None)
    before = made_by if made_by is not None and "images" in made_by.inputs() else None
    place, why = _evaluation_set(before, settings) if before else (None, "")
    evaluation = map_shards(read_evaluation, place.parts() if place else [], settings)
    captions = sorted(set().union(*(part.captions for part in held_out)))
    asked = sorted({caption_key(prompt) for prompt in prompts})
    judged = [*held_out, *evaluation]
    turned = [looks for part in held_out for looks in part.turned]
    digests = [digest for part in judged for digest in part.digests]
    targets = Sought(
        digests=tuple(digests),
        looks=Looks.of([*(looks for part in judged for looks in part.views), *turned], OF_JUDGED),
        captions=frozenset([*captions, *asked]),
    )
    found = Found()
    for each in map_shards(partial(search_shard, targets), pairs.files("train"), settings):
        found.add(each)
    addresses = [address for part in judged for address in part.addresses]
    answers = [(address, found.matches.get(place)) for place, address in enumerate(addresses)]
    urls = dict(chain.from_iterable(part.urls.items() for part in held_out))
    count = sum(len(part.digests) for part in held_out)
    return Leaks(
        held_out=answers[:count],
        urls=[urls[address.pair_id] for address, _ in answers[:count]],
        evaluation=answers[count:],
        evaluation_set=place,
        why_no_evaluation=why,
        dropped=dropped(pairs, before, urls) if before else None,
        captions=[each in found.captions for each in captions],
        prompts=[each in found.captions for each in asked],
        turned=[n in found.matches for n in range(len(digests), len(digests) + len(turned))],
        tried=_tried(shards, settings),
    )


def read_held_out(turned: int, uri: str) -> JudgedShard:
    """A held-out shard, of which so many pictures are turned upside down. Runs in a Dask worker."""
    found, seen = JudgedShard(), set[bytes]()
    for batch in schemas.read_batches(uri, ["pair_id", "url", "caption", "image"], ROWS_AT_ONCE):
        for row in batch.to_pylist():
            found.urls[row["pair_id"]] = row["url"]
            found.captions.add(caption_key(row["caption"]))
            if (digest := key(row["image"])) not in seen:
                seen.add(digest)
                found.digests.append(digest)
                found.addresses.append(PictureAddress(uri, row["pair_id"]))
                found.views.append(views_of(row["image"], OF_JUDGED))
                if len(found.turned) < turned:
                    found.turned.append(views_of(row["image"], OF_JUDGED, upside_down=True))
    return found


def read_evaluation(part: EvaluationSet) -> JudgedShard:
    """A part of an evaluation set. Runs in a Dask worker."""
    found = JudgedShard()
    for file in part.files:
        for name, image in encoded_images(part.root, file):
            found.digests.append(key(image))
            found.addresses.append(PictureAddress("", name))
            found.views.append(views_of(image, OF_JUDGED))
    return found


def _evaluation_set(before: Artifact, settings: Settings) -> tuple[EvaluationSet | None, str]:
    """The evaluation set that dedup kept out of training, or why it cannot be looked at."""
    config = DedupConfig.model_validate(before.manifest().config)
    if config.evaluation_set is None:
        return None, ""
    try:
        if dedup.artifact(config, settings, **before.inputs()).fingerprint != before.fingerprint:
            return None, "The evaluation set is no longer as it was when duplicates were dropped."
        return EvaluationSet.of(config.evaluation_set), ""
    except (SourceError, DataError) as error:
        return None, str(error)


def _tried(shards: Sequence[str], settings: Settings) -> dict[str, list[bool]]:
    """Copies are made of the first pictures: ids are hashes, so these are as good as random."""
    rows = chain.from_iterable(schemas.read_batches(uri, ["image"], ROWS_AT_ONCE) for uri in shards)
    images = dict.fromkeys(image for batch in islice(rows, TRIED // 8) for image in batch["image"].to_pylist())
    found: dict[str, list[bool]] = {}
    for part in map_shards(copies_found, batches([*images][:TRIED], MOST_BATCHES), settings):
        for name, each in part.items():
            found.setdefault(name, []).extend(each)
    return found
