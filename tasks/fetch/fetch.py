"""Fetches the images: img2dataset, one batch of URLs per Dask task, with a downloader that trusts no server."""

import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil

import pyarrow as pa
from pydantic import Field

from tasks import crawl, schemas
from tasks.artifact import Artifact
from tasks.output import Output, Shard
from tasks.shard_groups import groups
from tasks.stage import StageConfig, stage

TRUSTED_SOURCES = ("folder", "demo")  # a live site's source is its address, so it cannot take these names


class Config(StageConfig):
    """How images are fetched and stored. Each refused URL is a reject with its reason."""

    urls_per_shard: int = Field(150, ge=2, description="URLs in one Dask task and shard; thousands for real crawls.")
    threads: int = Field(16, ge=1, description="Downloads at once in one worker.")
    connections_per_host: int = Field(4, ge=1, description="Downloads at once from one host, in one worker.")
    timeout_s: float = Field(5.0, gt=0, description="Longest silence of a server.")
    deadline_s: float = Field(15.0, gt=0, description="Longest time for one download, redirects included.")
    retries: int = Field(1, ge=0, description="Further attempts after an answer such as 503; a 404 is final.")
    max_bytes: int = Field(20_000_000, ge=1, description="Larger files are refused.")
    max_pixels: int = Field(40_000_000, ge=1, description="Larger images are refused before they are decoded.")
    allow_private_hosts: bool = Field(
        False, description="Fetch from private addresses too, to crawl an intranet. Folders and the demo need no leave."
    )
    image_size: int = Field(256, ge=8, description="Shortest side images are stored with, in pixels; never enlarged.")
    jpeg_quality: int = Field(95, ge=1, le=100, description="Quality images are stored with.")


@dataclass(frozen=True)
class Batch:
    """Some rows of some shards of captions: of their concatenation every `count`-th, beginning with `index`."""

    uris: tuple[str, ...]
    index: int
    count: int


@stage(Config, version=1, reads={"captions": {"captions": schemas.CAPTIONS}})
def fetch(config: Config, output: Output, captions: Artifact) -> None:
    """Fetches every image and stores it as a JPEG of at most `image_size` pixels on its shortest side."""
    source = crawl.source_of(captions)
    with crawl.serving(source) if source is not None else nullcontext():
        output.map(partial(fetch_batch, config), batches(captions, config.urls_per_shard))


def batches(captions: Artifact, size: int) -> list[Batch]:
    """Batches of at most `size` rows. Every n-th row goes to the same one, so that each host's URLs are spread."""
    return [
        Batch(group.uris, index, ceil(group.rows / size))
        for group in groups(captions, "captions", size)
        for index in range(ceil(group.rows / size))
    ]


def read_batch(batch: Batch) -> pa.Table:
    """The rows of a batch, ordered by pair id."""
    table = pa.concat_tables(schemas.read_table(uri) for uri in batch.uris)
    return table.take(pa.array(range(batch.index, table.num_rows, batch.count))).sort_by("pair_id")


def fetch_batch(config: Config, batch: Batch) -> Shard:
    """The images of one batch; runs in a Dask worker."""
    from tasks.fetch.img2dataset_shard import fetch_rows

    captions = read_batch(batch)
    rows = captions.to_pylist()
    trusted = {row["url"] for row in rows if row["source"] in TRUSTED_SOURCES}
    with tempfile.TemporaryDirectory(prefix="fetch-") as folder:
        fetched = fetch_rows(config, [row["url"] for row in rows], trusted, folder)
    images, rejects = [], []
    for row, result in zip(rows, fetched, strict=True):
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
