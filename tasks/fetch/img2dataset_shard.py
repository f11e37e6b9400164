"""Runs img2dataset on lists of URLs. Run as a child process, which is kept for further lists.

A process of its own, because its downloader is replaced by a safe one, and some of its imports by stand-ins. Not
through img2dataset's `download()`, which starts further processes and takes seconds to do so.
"""

import io
import sys
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from tasks.engine.child import end_this_child, serve
from tasks.fetch.config import Config
from tasks.fetch.consent import Consent
from tasks.fetch.fetched import SEPARATOR
from tasks.fetch.image_files import is_animated, is_cut, read_header, unread_format
from tasks.fetch.stored_picture import StoredPicture
from tasks.fetch.turns import Turn, Turns
from tasks.web.connection import Limits
from tasks.web.download import download
from tasks.web.host_rules import LIMITS, HostRules
from tasks.web.opt_out_list import OptOutList
from tasks.web.refusals import RefusedError

COLUMNS = ["row", "url"]
# img2dataset imports these for inputs, outputs, logs and its resizer, none of which is used here. Together they take
# seconds to load; webdataset loads torch.
UNUSED = ("albumentations", "fire", "pandas", "wandb", "webdataset")


class SafeDownloader:
    """Stands in for `img2dataset.downloader.download_image`.

    Attributes:
        consents: for each URL by its row, why it was fetched: see `Consent`.
    """

    def __init__(self, config: Config, urls: list[str], trusted: set[str], consent: Consent) -> None:
        self.config = config
        self.trusted = trusted
        self.consent = consent
        self.consents: list[str | None] = [None] * len(urls)
        self.limits = Limits(config.timeout_s, config.deadline_s, config.max_bytes, config.allow_private_hosts)
        self.turns = Turns(urls, config.connections_per_host, config.retries, config.deadline_s)

    def __call__(self, *_: Any) -> tuple[int, io.BytesIO | None, str | None]:
        """Key, stream and error of a URL, as img2dataset wants them: of the one whose turn it is, not the one it names.

        img2dataset calls once for each URL, and goes by the key.
        """
        try:
            while True:
                turn = self.turns.take()
                try:
                    image = self._image(turn)
                except RefusedError as refusal:
                    if not self.turns.refused(turn, refusal):
                        return turn.row, None, f"{refusal.reason}{SEPARATOR}{refusal.detail}"
                else:
                    self.turns.done(turn)
                    return turn.row, io.BytesIO(image), None
        except Exception:
            end_this_child()  # img2dataset would wait for ever

    def _image(self, turn: Turn) -> bytes:
        turn.check()
        body = self._body(turn)
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

    def _body(self, turn: Turn) -> bytes:
        trusted = turn.url in self.trusted
        self.consents[turn.row] = self.consent.of(turn.url, trusted)
        return download(turn.url, self.limits, trusted, before_redirect=self.consent.of).body


def download_shard(job: dict[str, Any]) -> dict[str, Any]:
    """Downloads the job's `urls` into its `folder`.

    Returns:
        `table`, the path of what img2dataset leaves there, and `consents`, those of the downloader.
    """
    config, folder = Config.model_validate(job["config"]), job["folder"]
    _prepare_imports()
    import img2dataset.downloader

    downloader = SafeDownloader(config, job["urls"], set(job["trusted"]), _consent(job["run"], config))
    img2dataset.downloader.download_image = downloader
    shard = downloader_with(config, StoredPicture(config.image_size, config.jpeg_quality), folder)
    shard.download_shard((0, feather(job["urls"], folder)))
    (written,) = Path(folder).glob("*.parquet")
    return {"table": str(written), "consents": downloader.consents}


def downloader_with(config: Config, resizer: Any, folder: str) -> Any:
    """img2dataset's downloader of one shard, which writes a table into the folder."""
    from img2dataset.downloader import Downloader
    from img2dataset.writer import ParquetSampleWriter

    return Downloader(
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
        compute_hash="sha256",
        verify_hash_type=None,
        encode_format="jpg",
        retries=0,
        user_agent_token=None,
        disallowed_header_directives=None,
    )


@lru_cache(maxsize=1)
def _consent(run: str, config: Config) -> Consent:
    """What hosts said, kept for all shards of a run that this process works at; another run asks again."""
    bounds = {name: getattr(config, name) for name in ("timeout_s", "deadline_s", "allow_private_hosts")}
    listed = OptOutList.read(config.opt_out_list) if config.opt_out_list is not None else OptOutList(())
    return Consent(HostRules(limits=replace(LIMITS, **bounds)), listed)


@cache
def _prepare_imports() -> None:
    """Lets img2dataset be loaded in a third of the time, and without torch."""
    path, sys.path = sys.path, []  # pyarrow looks for pandas once, at its first array, and would load it to no purpose
    pa.array([])
    sys.path = path
    sys.modules.update({name: ModuleType(name) for name in UNUSED})


def feather(urls: list[str], folder: str) -> str:
    """The list in the only form img2dataset's downloader reads."""
    path = f"{folder}/urls.feather"
    table = pa.table({"row": pa.array(range(len(urls)), pa.int32()), "url": urls})
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path


if __name__ == "__main__":
    serve(download_shard)
