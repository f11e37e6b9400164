"""What to crawl: the pipeline's `source` section."""

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tasks import REPOSITORY
from tasks.compositions.config import CompositionsConfig
from tasks.crawl.sources.folder_files import FolderFiles, require_folder
from tasks.engine import code, storage
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError
from tasks.web.download import without_credentials


class Config(StageConfig):
    """Where images with captions come from. By default from the demo site, served on this machine."""

    folder: str | None = Field(None, description="Folder of images with captions, instead of a crawl.")
    encoding: str | None = Field(
        None, description="Encoding of a folder's captions without byte order mark, such as cp1252; else detected."
    )
    sites: tuple[str, ...] = Field((), description="Addresses of live sites to crawl, robots.txt obeyed.")
    snapshot: str = Field("", description="A free label; change it to crawl the same source again.")
    licence: str | None = Field(None, description="Licence of the images where their page does not state one.")
    max_pages: int = Field(1000, ge=1, description="Pages to fetch from each site at most.")
    max_depth: int = Field(10, ge=0, description="Links to follow from a site's first page at most.")
    max_minutes: float = Field(60, gt=0, le=10_000, description="Time for the crawl of each site at most.")
    delay_s: float = Field(0.5, ge=0, description="Pause between two pages of a live site; grows if it answers slowly.")
    port: int = Field(8717, ge=1, le=65535, description="Port of the demo site on 127.0.0.1.")
    archive: str = Field("data/fluent-emoji-3d.zip", description="Zip of captioned images the demo site is made of.")
    corpus: Literal["compositions", "emoji"] = Field(
        "compositions", description="The demo site's pictures: things on grounds, in pairs, sizes and counts; or alone."
    )
    compositions: CompositionsConfig = CompositionsConfig()

    @field_validator("folder")
    @classmethod
    def _is_absolute(cls, folder: str | None) -> str | None:
        # So that later stages, which may run in another working directory, find it too.
        if folder is not None and not folder.strip():
            raise ValueError("is empty: name a folder, or leave source.folder out")
        return None if folder is None else os.path.normpath(Path(folder).expanduser().absolute())

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"'{encoding}' is no encoding Python knows, such as utf-8 or cp1252") from error
        return encoding

    @field_validator("sites")
    @classmethod
    def _are_addresses(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        for site in sites:
            shown = without_credentials(site)
            if shown != site:
                raise ValueError(f"'{shown}' was given with a user name or password: sites are crawled without one")
            if not site.startswith(("http://", "https://")):
                raise ValueError(f"'{site}' is no web address: it must start with http:// or https://")
            if not _has_host(site):
                raise ValueError(f"'{site}' is no web address: its host or port is not valid")
        return sites

    @property
    def is_demo(self) -> bool:
        """Whether the source is the demo site: neither a folder nor a site is configured."""
        return self.folder is None and not self.sites

    @property
    def archive_path(self) -> Path:
        """The demo's zip; a relative path is relative to the repository."""
        return REPOSITORY / self.archive

    @property
    def composed(self) -> CompositionsConfig | None:
        """What the demo site's compositions are; None where it shows the emoji alone, or is not the source."""
        return self.compositions if self.is_demo and self.corpus == "compositions" else None

    def require(self) -> None:
        """The folder or the demo's zip is there and can be read.

        Raises:
            SourceError: it is not.
        """
        if self.folder is not None:
            require_folder(Path(self.folder))
        elif self.is_demo and not self.archive_path.is_file():
            raise SourceError(
                f"The demo's archive {self.archive_path} is not there: get the whole repository, or check "
                "source.archive."
            )

    def fingerprinted(self) -> dict[str, Any]:
        """A folder counts by its content, in `outside_state`, and not by where it lies; a corpus only if it is used."""
        fields = super().fingerprinted()
        if self.composed is None:
            del fields["compositions"]
        if not self.is_demo:
            del fields["corpus"]
        return fields if self.folder is None else fields | {"folder": "by content"}

    def outside_state(self) -> str:
        """Digest of the folder's pictures and captions, or of all that makes the demo's site; empty for live sites.

        Raises:
            SourceError: as `require`.
        """
        self.require()
        if self.is_demo:
            # The site is made of the zip by code, and making it takes seconds: so not by what it serves itself.
            made_by = code.digest("tasks.crawl.demo.pages")
            return storage.sha256(self.archive_path.read_bytes() + made_by.encode())
        return FolderFiles.of(self.folder).state() if self.folder is not None else ""


def _has_host(site: str) -> bool:
    try:
        return bool(urlsplit(site).hostname) and urlsplit(site).port != 0
    except ValueError:
        return False
