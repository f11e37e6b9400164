"""Runs img2dataset on lists of URLs. Run as a child process, which is kept for further lists.

A process of its own, because its downloader is replaced by a safe one, some of its imports by stand-ins, and it
redirects the process's output while it resizes. Not through img2dataset's `download()`, which starts further processes
and takes seconds to do so.
"""

import importlib
import io
import os
import sys
import threading
from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import cv2
import pyarrow as pa

from models.training.errors import DataError
from models.training.images import decode_and_measure
from tasks.engine.child import end_this_child, serve
from tasks.fetch.config import Config
from tasks.fetch.fetched import SEPARATOR
from tasks.fetch.image_files import is_animated, is_cut, read_header, unread_format
from tasks.web.connection import Limits, RefusedError
from tasks.web.download import Response, download, retried
from tasks.web.host_rules import LIMITS, HostRules

if TYPE_CHECKING:
    from img2dataset.resizer import Resizer

COLUMNS = ["row", "url"]
# img2dataset imports these for inputs, outputs and logs that are not used here, and albumentations to make an image
# smaller. Together they take seconds to load; webdataset loads torch.
LOADED_WHEN_USED = ("albumentations", "fire", "pandas", "wandb", "webdataset")
# JPEGs are decoded at 1/2, 1/4 or 1/8 of their size as long as this times the stored size is left to average over.
SCALED_AT_LEAST = 2


class LoadedWhenUsed(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules[self.__name__] is self:
            del sys.modules[self.__name__]  # else the import below would find it in place of the module
        try:
            return getattr(importlib.import_module(self.__name__), name)
        except ImportError:
            end_this_child()  # img2dataset would blame every image for it


class SafeDownloader:
    """Stands in for `img2dataset.downloader.download_image`."""

    def __init__(self, config: Config, trusted: set[str]) -> None:
        self.config = config
        self.trusted = trusted
        self.limits = Limits(config.timeout_s, config.deadline_s, config.max_bytes, config.allow_private_hosts)
        # The addresses themselves were checked by the crawl; where they redirect to is known only now.
        self._rules = HostRules(limits=replace(LIMITS, allow_private_hosts=config.allow_private_hosts))
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
        except Exception:
            end_this_child()  # img2dataset would wait for ever

    def _image(self, url: str) -> bytes:
        body = self._body(url)
        if is_cut(body):
            raise RefusedError("truncated", f"{len(body)} bytes without the end of the image")
        header = read_header(body)
        if header is None:
            if (unread := unread_format(body)) is not None:
                raise RefusedError("unsupported_format", unread)
            raise RefusedError("not_an_image", f"begins with {body[:12]!r}")
        if len(body) < self.config.min_bytes:
            raise RefusedError("too_few_bytes", f"{len(body)} bytes")
        if not self.config.keep_animated and is_animated(body):
            raise RefusedError("animated", header.format)
        if header.width * header.height > self.config.max_pixels:
            raise RefusedError("too_large", f"{header.width}x{header.height} pixels")
        return body

    def _body(self, url: str) -> bytes:
        try:
            host = urlsplit(url).netloc
        except ValueError as error:
            raise RefusedError("bad_url", str(error)) from None

        def attempt() -> Response:
            with self._hosts[host]:  # which is free for others during the pause between two attempts
                return download(url, self.limits, url in self.trusted, before_redirect=self._rules.check)

        return retried(attempt, self.config.retries + 1).body


class ShownPicture:
    """Stands in for img2dataset's resizer: decodes as a browser does, and has that one resize and encode the pixels.

    img2dataset calls it in one thread, so there is one decoded picture at a time, however many are downloaded at once.
    """

    def __init__(self, resizer: "Resizer", image_size: int) -> None:
        self.resizer = resizer
        self.at_least = SCALED_AT_LEAST * image_size

    def __call__(self, stream: io.BytesIO, *_: Any) -> tuple[Any, ...]:
        """The JPEG, its width and height, those the picture was served in, and an error, as img2dataset wants them."""
        try:
            pixels, size = decode_and_measure(stream.getvalue(), self.at_least)
        except DataError as refusal:
            return None, None, None, None, None, str(refusal)
        # A large picture's pixels take 120 MB, and img2dataset makes three more copies of them: none is kept here.
        red = pixels[:, :, 0].copy()
        pixels[:, :, 0] = pixels[:, :, 2]
        pixels[:, :, 2] = red
        bitmap = cv2.imencode(".bmp", pixels)[1]  # which is no more than the pixels, blue first, and a header
        del pixels
        file = io.BytesIO(bitmap.data)
        del bitmap
        encoded, width, height, _, _, error = self.resizer(file)
        return encoded, width, height, *size, error


def download_shard(job: dict[str, Any]) -> str:
    """Downloads the job's `urls` into its `folder`; the path of the table img2dataset leaves there."""
    config, folder = Config.model_validate(job["config"]), job["folder"]
    _prepare_imports()
    import img2dataset.downloader
    from img2dataset.resizer import Resizer
    from img2dataset.writer import ParquetSampleWriter

    img2dataset.downloader.download_image = SafeDownloader(config, set(job["trusted"]))
    resizer = Resizer(
        image_size=config.image_size,
        resize_mode="keep_ratio",
        resize_only_if_bigger=True,
        encode_format="jpg",
        encode_quality=config.jpeg_quality,
    )
    shard = img2dataset.downloader.Downloader(
        sample_writer_class=ParquetSampleWriter,
        resizer=ShownPicture(resizer, config.image_size),
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
    shard.download_shard((0, _feather(job["urls"], folder)))
    (written,) = Path(folder).glob("*.parquet")
    return str(written)


@cache
def _prepare_imports() -> None:
    """Lets img2dataset be loaded in a third of the time, and without torch."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the internet for a newer version of itself
    path, sys.path = sys.path, []  # pyarrow looks for pandas once, at its first array, and would load it to no purpose
    pa.array([])
    sys.path = path
    sys.modules.update({name: LoadedWhenUsed(name) for name in LOADED_WHEN_USED})


def _feather(urls: list[str], folder: str) -> str:
    """The list in the only form img2dataset's downloader reads."""
    path = f"{folder}/urls.feather"
    table = pa.table({"row": pa.array(range(len(urls)), pa.int32()), "url": urls})
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path


if __name__ == "__main__":
    serve(download_shard)
