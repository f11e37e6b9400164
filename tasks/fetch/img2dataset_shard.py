"""Runs img2dataset on one list of URLs, in this process, with a safe downloader in place of its own.

Not through its `download()`, which starts processes of its own (Dask's workers may not) and takes seconds to do so.
"""

import io
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.fetch.image_files import is_cut, read_header, upright
from tasks.web.connection import Limits, RefusedError
from tasks.web.download import download

if TYPE_CHECKING:
    from tasks.fetch.config import Config

COLUMNS = ["row", "url"]
SEPARATOR = "|"
UNUSED_MODULES = ("wandb", "webdataset")
# img2dataset redirects the process's output while it resizes, and its downloader is a global of its module.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Fetched:
    """What became of one URL: an image with the width and height it was served in, or a refusal: reason and detail."""

    width: int | None = None
    height: int | None = None
    image: bytes | None = None
    refusal: tuple[str, str] | None = None


class SafeDownloader:
    """Stands in for `img2dataset.downloader.download_image`."""

    def __init__(self, config: "Config", trusted: set[str]) -> None:
        self.config = config
        self.trusted = trusted
        self.limits = Limits(config.timeout_s, config.deadline_s, config.max_bytes, config.allow_private_hosts)
        self._hosts: dict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(config.connections_per_host)
        )

    def __call__(self, row: tuple[int, str], *_: Any) -> tuple[int, io.BytesIO | None, str | None]:
        """Key, stream and error of one (key, URL), as img2dataset wants them."""
        key, url = row
        try:
            return key, io.BytesIO(self._image(url)), None
        except RefusedError as refusal:
            return key, None, f"{refusal.reason}{SEPARATOR}{refusal.detail}"

    def _image(self, url: str) -> bytes:
        body = self._body(url)
        if is_cut(body):
            raise RefusedError("truncated", f"{len(body)} bytes without the end of the image")
        header = read_header(body)
        if header is None:
            raise RefusedError("not_an_image", f"begins with {body[:12]!r}")
        if header.width * header.height > self.config.max_pixels:
            raise RefusedError("too_large", f"{header.width}x{header.height} pixels")
        try:
            return upright(body, header.format)
        except (OSError, ValueError, SyntaxError) as error:
            raise RefusedError("undecodable", str(error)) from None

    def _body(self, url: str) -> bytes:
        for attempt in range(self.config.retries + 1):
            try:
                with self._hosts[urlsplit(url).netloc]:
                    return download(url, self.limits, url in self.trusted).body
            except RefusedError as refusal:
                if not refusal.transient or attempt == self.config.retries:
                    raise
            time.sleep(1.0 + attempt)
        raise AssertionError("the last attempt returns or raises")


def fetch_rows(config: "Config", urls: list[str], trusted: set[str], folder: str) -> list[Fetched]:
    """What became of each URL, in the order given. `folder` is for img2dataset's files."""
    feather = f"{folder}/urls.feather"
    table = pa.table({"row": pa.array(range(len(urls)), pa.int32()), "url": urls})
    with pa.OSFile(feather, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with _one_at_a_time:
        _download_shard(config, SafeDownloader(config, trusted), feather, folder)
    (written,) = Path(folder).glob("*.parquet")
    by_row = {row["row"]: _fetched(row) for row in pq.read_table(written).to_pylist()}
    lost = Fetched(refusal=("undecodable", "img2dataset lost it"))
    return [by_row.get(row, lost) for row in range(len(urls))]


def _download_shard(config: "Config", downloader: SafeDownloader, feather: str, folder: str) -> None:
    with _light_imports(config.max_pixels):
        import img2dataset.downloader
        from img2dataset.resizer import Resizer
        from img2dataset.writer import ParquetSampleWriter

    img2dataset.downloader.download_image = downloader
    resizer = Resizer(
        image_size=config.image_size,
        resize_mode="keep_ratio",
        resize_only_if_bigger=True,
        encode_format="jpg",
        encode_quality=config.jpeg_quality,
    )
    shard = img2dataset.downloader.Downloader(
        sample_writer_class=ParquetSampleWriter,
        resizer=resizer,
        thread_count=config.threads,
        save_caption=False,
        extract_exif=False,
        output_folder=folder,
        column_list=COLUMNS,
        timeout=config.timeout_s,
        number_sample_per_shard=max(2, config.urls_per_shard),
        oom_shard_count=5,
        compute_hash=None,
        verify_hash_type=None,
        encode_format="jpg",
        retries=0,
        user_agent_token=None,
        disallowed_header_directives=None,
    )
    shard.download_shard((0, feather))


@contextmanager
def _light_imports(max_pixels: int) -> Iterator[None]:
    """Keeps img2dataset from loading torch and wandb, for outputs and logs not used here: half a worker's memory."""
    # Both are read when OpenCV and albumentations are loaded, which img2dataset does.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(max_pixels)
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    stand_ins = {name: ModuleType(name) for name in UNUSED_MODULES if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _fetched(row: dict[str, Any]) -> Fetched:
    if row["status"] == "success":
        return Fetched(row["original_width"], row["original_height"], row["jpg"])
    message = row["error_message"]
    if row["status"] == "failed_to_download":
        reason, _, detail = message.partition(SEPARATOR)
        return Fetched(refusal=(reason, detail))
    return Fetched(refusal=("too_large" if "MAX_IMAGE_PIXELS" in message else "undecodable", message[:200]))
