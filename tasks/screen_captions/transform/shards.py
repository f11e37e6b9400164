"""Transforms shards of captions, and rejects captions of rare concepts: two passes, with a count of all in between."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine import storage
from tasks.engine.output import Output, Shard
from tasks.engine.row_groups import table_bytes
from tasks.screen_captions.split import split
from tasks.screen_captions.transform.caption import transformed
from tasks.screen_captions.transform.config import TransformConfig

RARE_CONCEPT = "rare_concept"
CONCEPTS = pa.list_(pa.string())
COUNTS_AT_ONCE = 64  # files of counts that one task adds up

Screen = Callable[[str], pa.Table]


def transform_shards(config: TransformConfig, output: Output, screen: Screen, uris: Sequence[str]) -> None:
    """The captions that the rules keep, transformed, without those of concepts that too few captions have.

    The first pass hands on each shard and the counts of its concepts through the storage; these are added up by the
    workers, a group of shards each, and then here, so that the memory is bounded by the vocabulary. A caption is
    counted before any is rejected for a rare concept, and once for each of its concepts.

    Metrics: how many changes of each kind were made, and the concepts found and kept.

    Args:
        screen: makes of the URL of a shard its candidates with `caption`, `reason` and `detail`.
    """
    folder = output.exchange
    output.each(partial(transform_shard, config, screen, folder), list(enumerate(uris)), "shards transformed")
    groups = [range(start, min(start + COUNTS_AT_ONCE, len(uris))) for start in range(0, len(uris), COUNTS_AT_ONCE)]
    counts = Counter[str]()
    for group in output.each(partial(_sums, folder), groups, "groups of shards counted"):
        counts.update(storage.read_json(group))
    frequent = sorted(concept for concept, captions in counts.items() if captions >= config.min_concept_captions)
    storage.write_json(_frequent(folder), frequent)
    output.map(partial(keep_frequent, folder), list(range(len(uris))))
    output.metrics |= {"concepts": len(counts), "frequent_concepts": len(frequent)}
    output.remove_exchange()


def transform_shard(config: TransformConfig, screen: Screen, folder: str, shard: tuple[int, str]) -> None:
    """Hands on one shard, given by its number and URL, transformed, unless a run before has done so."""
    number, uri = shard
    if storage.exists(_counts(folder, number)):
        return
    table = screen(uri)
    captions, reasons, details = (table[name].to_pylist() for name in ("caption", "reason", "detail"))
    before = list(captions)
    concepts: list[list[str]] = [[] for _ in captions]
    changes, found = Counter[str](), Counter[str]()
    kept = [at for at, reason in enumerate(reasons) if reason is None]
    for at, each in zip(kept, transformed(config, [captions[at] for at in kept]), strict=True):
        reasons[at], details[at] = each.reason, each.detail
        if each.reason is None:
            captions[at], concepts[at] = each.text, sorted(each.concepts)
            found.update(each.concepts)
            changes.update(each.changes, captions=bool(+each.changes))
    for name, values in (("caption", captions), ("reason", reasons), ("detail", details)):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.string()))
    table = table.append_column("caption_before", pa.array(before, pa.string()))
    storage.write_bytes(
        _captions(folder, number), table_bytes(table.append_column("concepts", pa.array(concepts, CONCEPTS)))
    )
    storage.write_json(_changes(folder, number), changes)
    storage.write_json(_counts(folder, number), found)  # the last: it says that the others are there


def keep_frequent(folder: str, number: int) -> Shard:
    """One shard without captions that have a concept that is not frequent."""
    table = schemas.read_table(_captions(folder, number))
    frequent = _read_frequent(_frequent(folder))
    rare = [
        next((concept for concept in concepts if concept not in frequent), None)
        for concepts in table["concepts"].to_pylist()
    ]
    details = pa.array(rare, pa.string())
    is_rare = pc.is_valid(details)
    for name, value in (("reason", pa.scalar(RARE_CONCEPT)), ("detail", details)):
        table = table.set_column(table.schema.get_field_index(name), name, pc.if_else(is_rare, value, table[name]))
    # A reject has the caption that was transformed.
    is_rejected = pc.is_valid(table["reason"])
    captions = pc.if_else(is_rejected, table["caption_before"], table["caption"])
    table = table.set_column(table.schema.get_field_index("caption"), "caption", captions)
    changes = {f"transformed_{kind}": count for kind, count in storage.read_json(_changes(folder, number)).items()}
    return split(table, schemas.TRANSFORMED_CAPTIONS, changes)


def _sums(folder: str, shards: range) -> str:
    """Adds up the counts of some shards and returns the URL of the sums."""
    counts = Counter[str]()
    for number in shards:
        counts.update(storage.read_json(_counts(folder, number)))
    uri = f"{folder}/sums-{shards.start:05d}.json"
    storage.write_json(uri, counts)
    return uri


@lru_cache(1)
def _read_frequent(uri: str) -> frozenset[str]:
    return frozenset(storage.read_json(uri))


def _captions(folder: str, number: int) -> str:
    return f"{folder}/captions-{number:05d}.parquet"


def _counts(folder: str, number: int) -> str:
    return f"{folder}/counts-{number:05d}.json"


def _changes(folder: str, number: int) -> str:
    return f"{folder}/changes-{number:05d}.json"


def _frequent(folder: str) -> str:
    return f"{folder}/frequent.json"
