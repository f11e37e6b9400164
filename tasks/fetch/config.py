"""How images are fetched and stored."""

from typing import Any

from pydantic import Field

from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """How images are fetched and stored. Each refused URL is a reject with its reason."""

    urls_per_shard: int = Field(150, ge=2, description="URLs in one Dask task and shard; thousands for real crawls.")
    threads: int = Field(16, ge=1, description="Downloads at once in one worker.")
    connections_per_host: int = Field(4, ge=1, description="Downloads at once from one host, in one worker.")
    timeout_s: float = Field(5.0, gt=0, description="Longest silence of a server.")
    deadline_s: float = Field(15.0, gt=0, description="Longest time for one download, redirects included.")
    retries: int = Field(1, ge=0, description="Further attempts after an answer such as 503; a 404 is final.")
    min_bytes: int = Field(0, ge=0, description="Smaller files are refused; LAION's limit is 5,000.")
    max_bytes: int = Field(20_000_000, ge=1, description="Larger files are refused.")
    max_pixels: int = Field(40_000_000, ge=1, description="Larger images are refused before they are decoded.")
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

    def fingerprinted(self) -> dict[str, Any]:
        """Without the two limits that came later, where they are off."""
        off = {name for name, value in {"min_bytes": 0, "keep_animated": True}.items() if getattr(self, name) == value}
        return {name: value for name, value in super().fingerprinted().items() if name not in off}
