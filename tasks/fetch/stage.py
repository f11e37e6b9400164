"""Fetches the images: img2dataset, one batch of URLs per Dask task, with a downloader that trusts no server."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.crawl.config import DEMO
from tasks.crawl.sources.folder_files import SCHEME, file_url
from tasks.crawl.stage import folders_of, serving, source_of
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shard_groups import groups
from tasks.engine.stage import stage
from tasks.engine.temporary import temporary_folder
from tasks.fetch.config import Config
from tasks.fetch.fetched import fetch_rows
from tasks.settings import Settings


@dataclass(frozen=True)
class Batch:
    """Some rows of some shards of captions: those of every `count`-th of their URLs, beginning with `index`."""

    uris: tuple[str, ...]
    index: int
    count: int


@stage(Config, version=4, reads={"captions": {"captions": schemas.CAPTIONS}})
def fetch(config: Config, output: Output, captions: Artifact) -> None:
    """Fetches every image and stores it as a JPEG of at most `image_size` pixels on its shortest side.

    An image with several captions is fetched once, and stored with each of them.
    """
    source = source_of(captions)
    folders = folders_of(captions, output.settings)
    with serving(source) if source is not None else nullcontext():
        output.map(partial(fetch_batch, config, output.settings, folders), batches(captions, config.urls_per_shard))


def batches(captions: Artifact, size: int) -> list[Batch]:
    """Batches of at most `size` URLs. Every n-th URL goes to the same one, so that each host's URLs are spread."""
    return [
        Batch(group.uris, index, ceil(group.rows / size))
        for group in groups(captions, "captions", size)
        for index in range(ceil(group.rows / size))
    ]


def read_batch(batch: Batch) -> pa.Table:
    """The rows of a batch, ordered by pair id."""
    table = pa.concat_tables(schemas.read_table(uri) for uri in batch.uris).combine_chunks()
    url_numbers = pc.dictionary_encode(table["url"]).combine_chunks().indices.to_numpy()
    return table.filter(pa.array(url_numbers % batch.count == batch.index)).sort_by("pair_id")


def fetch_batch(config: Config, settings: Settings, folders: Mapping[str, str], batch: Batch) -> Shard:
    """The images of one batch; runs in a Dask worker. `folders` are those that were crawled, by name."""
    captions = read_batch(batch)
    rows = captions.to_pylist()
    urls = [_address(row, folders) for row in rows]
    # A live site's source is its address, so it cannot take these names.
    trusted = {url for url, row in zip(urls, rows, strict=True) if row["source"] in {DEMO, *folders}}
    with temporary_folder(settings) as scratch:
        distinct = list(dict.fromkeys(urls))
        fetched = dict(zip(distinct, fetch_rows(config, distinct, trusted, scratch), strict=True))
    images, rejects = [], []
    for row, url in zip(rows, urls, strict=True):
        result = fetched[url]
        if result.refusal is None:
            images.append({**row, "width": result.width, "height": result.height, "image": result.image})
        else:
            reason, detail = result.refusal
            rejects.append({**row, "reason": reason, "detail": detail})
    return Shard(
        len(rows),
        {"images": pa.Table.from_pylist(images, schemas.IMAGES)},
        pa.Table.from_pylist(rejects, schemas.REJECTS),
        {"stored_bytes": sum(len(row["image"]) for row in images)},
    )


def _address(row: dict[str, Any], folders: Mapping[str, str]) -> str:
    """Where to fetch a row's image from. The URLs of a folder's files do not say where the folder lies."""
    url: str = row["url"]
    folder = folders.get(row["source"])
    return file_url(folder, url) if folder is not None and url.startswith(SCHEME) else url
