"""How images are fetched and stored."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.engine import storage
from tasks.engine.stage import StageConfig
from tasks.web.opt_out_list import OptOutList, read_list


class Config(StageConfig):
    """How images are fetched and stored. Each refused URL is a reject with its reason: tasks.web.refusals."""

    attempt: int = Field(
        1,
        ge=1,
        le=100,
        description="2 asks once more for what failed for a reason that may pass, takes all else from attempt 1; and "
        "so on.",
    )
    urls_per_shard: int = Field(150, ge=2, description="URLs in one Dask task and shard; thousands for real crawls.")
    threads: int = Field(16, ge=1, description="Downloads at once in one worker.")
    connections_per_host: int = Field(4, ge=1, description="Downloads at once from one host, in one worker.")
    timeout_s: float = Field(5.0, gt=0, description="Longest silence of a server or of the resolver of names.")
    deadline_s: float = Field(
        15.0,
        gt=0,
        description="Longest time for one download, redirects included, and longest pause a busy host is given.",
    )
    retries: int = Field(1, ge=0, description="Further attempts after an answer such as 503; a 404 is final.")
    min_bytes: int = Field(0, ge=0, description="Smaller files are refused; LAION's limit is 5,000.")
    max_bytes: int = Field(20_000_000, ge=1, description="Larger files are refused.")
    max_pixels: int = Field(40_000_000, ge=1, description="Larger images are refused before they are decoded.")
    opt_out_list: str | None = Field(
        None,
        description="File of domains and addresses, one a line, that are not fetched; a local path or an s3:// URL.",
    )
    keep_animated: bool = Field(True, description="Store an animation's first picture; else animations are refused.")
    allow_private_hosts: bool = Field(
        False, description="Fetch from private addresses too, to crawl an intranet. Folders and the demo need no leave."
    )
    image_size: int = Field(
        384,
        ge=8,
        description="Shortest side images are stored with, in pixels; never enlarged. 12/8 of the crops' size.",
    )
    jpeg_quality: int = Field(95, ge=1, le=100, description="Quality images are stored with.")

    @field_validator("opt_out_list")
    @classmethod
    def _is_absolute(cls, place: str | None) -> str | None:
        # So that Dask workers, which may run in another working directory, find it too.
        if place is None or storage.is_s3(place):
            return place
        if not place.strip():
            raise ValueError("is empty: name a file, or leave fetch.opt_out_list out")
        return os.path.normpath(Path(place).expanduser().absolute())

    def require(self) -> None:
        """The opt-out list, where one is named, is there and can be read.

        Raises:
            ConfigError, StorageError: as `OptOutList.read`.
        """
        if self.opt_out_list is not None:
            OptOutList.read(self.opt_out_list)

    def fingerprinted(self) -> dict[str, Any]:
        """An opt-out list counts by its content, in `outside_state`, and not by where it lies."""
        fields = super().fingerprinted()
        return fields if self.opt_out_list is None else fields | {"opt_out_list": "by content"}

    def outside_state(self) -> str:
        """Digest of the opt-out list; empty without one.

        Raises:
            ConfigError, StorageError: it cannot be read.
        """
        return storage.sha256(read_list(self.opt_out_list)) if self.opt_out_list is not None else ""
