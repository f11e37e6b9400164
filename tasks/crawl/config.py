"""What to crawl: the pipeline's `source` section."""

from pathlib import Path

from pydantic import Field, field_validator

from tasks.crawl.sources.folder import folder_state
from tasks.engine import storage
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError

REPOSITORY = Path(__file__).resolve().parents[2]


class Config(StageConfig):
    """Where images with captions come from. By default from the demo site, served on this machine."""

    folder: str | None = Field(None, description="Folder of images with captions, instead of a crawl.")
    sites: tuple[str, ...] = Field((), description="Addresses of live sites to crawl, robots.txt obeyed.")
    snapshot: str = Field("", description="A free label; change it to crawl the same source again.")
    licence: str | None = Field(None, description="Licence of the images where their page does not state one.")
    max_pages: int = Field(1000, ge=1, description="Pages to fetch from each site at most.")
    max_depth: int = Field(10, ge=0, description="Links to follow from a site's first page at most.")
    delay_s: float = Field(0.5, ge=0, description="Pause between two pages of a live site; grows if it answers slowly.")
    port: int = Field(8717, ge=1, le=65535, description="Port of the demo site on 127.0.0.1.")
    archive: str = Field("data/fluent-emoji-3d.zip", description="Zip of captioned images the demo site is made of.")

    @field_validator("sites")
    @classmethod
    def _are_addresses(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        for site in sites:
            if not site.startswith(("http://", "https://")):
                raise ValueError(f"'{site}' is no web address: it must start with http:// or https://")
        return sites

    @property
    def is_demo(self) -> bool:
        """Whether the source is the demo site: neither a folder nor a site is configured."""
        return self.folder is None and not self.sites

    @property
    def archive_path(self) -> Path:
        """The demo's zip; a relative path is relative to the repository."""
        return REPOSITORY / self.archive

    def outside_state(self) -> str:
        """Digest of the folder's files and captions, or of the demo's zip; empty for live sites.

        Raises:
            SourceError: there is no such folder or zip.
        """
        if self.is_demo:
            if not self.archive_path.is_file():
                raise SourceError(f"The demo needs {self.archive_path}: get the whole repository.")
            return storage.sha256(self.archive_path.read_bytes())
        return folder_state(self.folder) if self.folder is not None else ""
