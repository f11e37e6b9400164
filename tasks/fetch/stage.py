"""Fetches the images: img2dataset, one batch of URLs per Dask task, with a downloader that trusts no server."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.crawl.config import DEMO
from tasks.crawl.packed.packed_source import PackedSource
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.sources.folder_files import SCHEME
from tasks.crawl.stage import holding, serving, source_of
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shard_groups import groups
from tasks.engine.stage import stage
from tasks.engine.temporary import temporary_folder
from tasks.fetch.config import Config
from tasks.fetch.fetched import fetch_rows
from tasks.settings import Settings
from tasks.web.refusals import PASSING, RefusedError


@dataclass(frozen=True)
class Batch:
    """Some rows of some shards of captions: those of the `index`-th of `count` parts of their URLs."""

    uris: tuple[str, ...]
    index: int
    count: int


@dataclass(frozen=True)
class Attempt:
    """What is the same for all batches.

    Attributes:
        run: names the work; see `fetch_rows`.
        held: the sources that hold pictures themselves, by name.
        previous: what the attempt before made, if there is one.
    """

    config: Config
    settings: Settings
    run: str
    held: Mapping[str, FolderSource | PackedSource]
    previous: Artifact | None


@stage(Config, version=7, reads={"captions": {"captions": schemas.CAPTIONS}})
def fetch(config: Config, output: Output, captions: Artifact) -> None:
    """Fetches every image and stores it as a JPEG of at most `image_size` pixels on its shortest side.

    An image with several captions is fetched once, and stored with each of them. A further attempt is an artifact of
    its own: it asks for what the one before was refused for a reason that may pass, and takes over everything else.
    """
    source = source_of(captions)
    held, previous = holding(captions, output.settings), _previous(config, output, captions)
    attempt = Attempt(config, output.settings, output.uri, held, previous)
    with serving(source) if source is not None else nullcontext():
        output.map(partial(fetch_numbered, attempt), list(enumerate(batches(captions, config.urls_per_shard))))


def _previous(config: Config, output: Output, captions: Artifact) -> Artifact | None:
    """What the attempt before made; makes it first if nobody has."""
    if config.attempt == 1:
        return None
    earlier = config.model_copy(update={"attempt": config.attempt - 1})
    return fetch(earlier, output.settings, captions=captions).artifact


def batches(captions: Artifact, size: int) -> list[Batch]:
    """Batches of at most `size` URLs each of the web and of files that hold pictures."""
    return [
        Batch(group.uris, index, ceil(group.rows / size))
        for group in groups(captions, "captions", size)
        for index in range(ceil(group.rows / size))
    ]


def read_batch(batch: Batch) -> pa.Table:
    """The rows of a batch, ordered by pair id.

    Every n-th URL of the web is in the same batch, so that each host's URLs are spread; pictures of a file that holds
    many are in it as they follow each other there, so that a file is not read in every batch.
    """
    table = pa.concat_tables(schemas.read_table(uri) for uri in batch.uris).combine_chunks()
    urls = pc.dictionary_encode(table["url"]).combine_chunks()
    spread = pc.match_substring_regex(urls.dictionary, f"^(https?://|{SCHEME})").to_numpy(zero_copy_only=False)
    place = np.where(spread, np.cumsum(spread), np.cumsum(~spread)) - 1
    chosen = np.where(spread, place % batch.count, place * batch.count // max(1, (~spread).sum()))
    return table.filter(pa.array(chosen[urls.indices.to_numpy()] == batch.index)).sort_by("pair_id")


def fetch_numbered(attempt: Attempt, numbered: tuple[int, Batch]) -> Shard:
    """The images of one batch; runs in a Dask worker."""
    number, batch = numbered
    captions = read_batch(batch)
    if attempt.previous is None:
        return fetch_batch(attempt, captions)
    kept = _shard_table(attempt.previous, f"images-{number:05d}.parquet", schemas.FETCHED)
    refused = _shard_table(attempt.previous, f"rejects-{number:05d}.parquet", schemas.REJECTS)
    may_pass = pc.is_in(refused["reason"], pa.array(sorted(PASSING)))
    again = captions.filter(pc.is_in(captions["pair_id"], refused["pair_id"].filter(may_pass)))
    if again.num_rows == 0:
        return _shard(kept, refused)
    shard = fetch_batch(attempt, again)
    images = pa.concat_tables([kept, shard.tables["images"]])
    rejects = pa.concat_tables([refused.filter(pc.invert(may_pass)), shard.rejects])
    return _shard(images.sort_by("pair_id"), rejects.sort_by("pair_id"))


def fetch_batch(attempt: Attempt, captions: pa.Table) -> Shard:
    """The images of some captions."""
    rows, held = captions.to_pylist(), attempt.held
    with temporary_folder(attempt.settings) as unpacked, temporary_folder(attempt.settings) as scratch:
        located = _located(rows, held, unpacked, attempt.config.max_bytes)
        found = {address: None for address in located.values() if isinstance(address, str)}
        # A live site's source is its address, so it cannot take these names.
        trusted = found.keys() & {located[row["source"], row["url"]] for row in rows if row["source"] in {DEMO, *held}}
        fetched = (
            dict(zip(found, fetch_rows(attempt.config, list(found), trusted, scratch, attempt.run), strict=True))
            if found
            else {}
        )
    images, rejects = [], []
    for row in rows:
        address = located[row["source"], row["url"]]
        if isinstance(address, RefusedError):
            rejects.append({**row, "reason": address.reason, "detail": address.detail})
            continue
        result = fetched[address]
        if result.refusal is None:
            served = {"width": result.width, "height": result.height, "original_sha256": result.sha256}
            images.append({**row, **served, "image": result.image, "consent": result.consent})
        else:
            reason, detail = result.refusal
            rejects.append({**row, "reason": reason, "detail": detail})
    return _shard(pa.Table.from_pylist(images, schemas.FETCHED), pa.Table.from_pylist(rejects, schemas.REJECTS))


def _shard(images: Any, rejects: Any) -> Shard:
    stored = pc.sum(pc.binary_length(images["image"])).as_py() or 0
    return Shard(images.num_rows + rejects.num_rows, {"images": images}, rejects, {"stored_bytes": stored})


def _shard_table(artifact: Artifact, path: str, schema: pa.Schema) -> Any:
    """A table of a finished artifact's shard; shards have no file for one without rows.

    Does not read the manifest, which lists all shards and so would be read once for each of them.
    """
    if not storage.exists(artifact.file(path)):
        return schema.empty_table()
    return schemas.read_table(artifact.file(path)).select(schema.names).cast(schema)


def _located(
    rows: list[dict[str, Any]], held: Mapping[str, FolderSource | PackedSource], folder: str, max_bytes: int
) -> dict[tuple[str, str], str | RefusedError]:
    """By source and URL of each row the address its image is fetched from, or why there is none.

    Pictures that lie in files with others are unpacked to the folder.
    """
    urls: dict[str, dict[str, None]] = {}
    for row in rows:
        urls.setdefault(row["source"], {})[row["url"]] = None
    located: dict[tuple[str, str], str | RefusedError] = {}
    for number, (source, wanted) in enumerate(urls.items()):
        place = Path(folder, str(number))
        place.mkdir()
        found = held[source].located(list(wanted), place, max_bytes) if source in held else {url: url for url in wanted}
        located |= {(source, url): address for url, address in found.items()}
    return located
