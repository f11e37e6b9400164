"""Writes packed pairs as a data set: shards, README.md and croissant.json, whole or not at all."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.engine.shards import map_shards
from tasks.engine.temporary import appearing
from tasks.errors import ConfigError
from tasks.export.card import data_card
from tasks.export.croissant import croissant
from tasks.export.facts import DataFacts, data_facts
from tasks.export.shards import SPLITS, ExportedShard, ExportFormat, ShardJob, write_shard
from tasks.preflight import require_root, require_writable
from tasks.settings import Settings

LEAST_DIGITS = 4  # of a row's number in a key, as img2dataset has them
CARD, CROISSANT = "README.md", "croissant.json"
UNFINISHED = "UNFINISHED"  # an object that is in the folder on S3 while it is written
SHARDS_WITHOUT_DASK = 2  # which are written before a cluster has started


def export_pairs(
    pairs: Artifact,
    out: str,
    form: ExportFormat,
    creator: str,
    settings: Settings,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> DataFacts:
    """Writes the data set to a new folder, here or on S3: a packed shard is a file, mapped over Dask workers.

    A folder on this machine appears when it is complete. On S3, where nothing can be renamed, the card is written last,
    and until then an object UNFINISHED lies beside the shards.

    Args:
        out: path or s3:// address; its last part is the name of the data set.

    Raises:
        ConfigError: there is something at `out`.
        StorageError: `out` cannot be written.
        DamagedArtifactError: a packed shard cannot be read.
    """
    jobs = _jobs(pairs)
    _require_new(out)
    if len(jobs) <= SHARDS_WITHOUT_DASK:
        settings = settings.model_copy(update={"dask_workers": 0, "dask_address": None})
    done: list[ExportedShard] = []

    def count(shard: ExportedShard) -> None:
        done.append(shard)
        watch(Progress(len(done), len(jobs), "shards"))

    watch(Progress(0, len(jobs), "shards"))
    with storage.plain_errors(out, "write", "OUT"), _target(out) as target:
        shards = map_shards(partial(write_shard, form, target, settings), jobs, settings, count)
        now = datetime.now(UTC).replace(microsecond=0)
        facts = data_facts(pairs, shards, form, storage.absolute(out).rstrip("/").rsplit("/", 1)[-1], creator, now)
        described = json.dumps(croissant(facts), indent=2, ensure_ascii=False) + "\n"
        storage.write_bytes(f"{target}/{CROISSANT}", described.encode())
        storage.write_bytes(f"{target}/{CARD}", data_card(facts).encode())
    return facts


def _jobs(pairs: Artifact) -> list[ShardJob]:
    rows = [record.rows or 0 for record in pairs.manifest().outputs if record.path.endswith(".parquet")]
    digits = max(LEAST_DIGITS, len(str(max(rows, default=1) - 1)))
    found = []
    for kind, split in SPLITS.items():
        uris = pairs.files(kind)
        found += [ShardJob(uri, split, index, len(uris), digits) for index, uri in enumerate(uris)]
    return found


def _require_new(out: str) -> None:
    """There is nothing at the place yet, and it can be written.

    Raises:
        ConfigError, StorageError: as `export_pairs`.
    """
    if storage.is_s3(out):
        require_root(out)
        names = storage.names(out)
        if UNFINISHED in names:
            raise ConfigError(f"{out} holds an export that was not finished: delete it, or name another folder.")
    else:
        path = Path(out)
        names = [str(out)] if path.exists() and not path.is_dir() else storage.names(out)
        require_writable(path.absolute().parent, "OUT")
    if names:
        raise ConfigError(f"{out} holds something already: name a new folder.")


@contextmanager
def _target(out: str) -> Iterator[str]:
    """Where to write, so that `out` is finished after the block and does not look so before."""
    if not storage.is_s3(out):
        with appearing(Path(out)) as folder:
            yield str(folder)
        return
    storage.write_bytes(f"{out}/{UNFINISHED}", b"An export is being written here, or was ended.\n")
    yield out
    storage.remove(f"{out}/{UNFINISHED}")
