"""The first stage: candidates, which are image URLs with alt texts, from live sites, a folder or the demo site."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from tasks.crawl.config import Config
from tasks.crawl.demo.site import demo_site
from tasks.crawl.sources.folder import crawl_folder
from tasks.crawl.sources.site import crawl_site
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.errors import SourceError
from tasks.settings import Settings

DEMO = "demo"


@stage(Config, version=3, headline=("pages_fetched", "pages_disallowed"))
def crawl(config: Config, output: Output) -> None:
    """Collects candidates; one shard for each source. Section 2.3 of the paper.

    Metrics: pages fetched, disallowed by robots.txt, failed, redirected elsewhere, and not reached within the limits;
    links and images beyond the limits.

    Raises:
        SourceError: no source holds an image, or a folder is not usable.
        PortInUseError: the port of the demo site is in use.
    """
    with serving(config):
        markers = output.map(partial(crawl_source, config), _sources(config), unit="references")
    if not any(marker.rows_in for marker in markers):
        raise SourceError(
            f"None of {', '.join(config.sites)} gave an image: check source.sites, and set another source.snapshot to "
            "crawl them again."
        )


def _sources(config: Config) -> list[tuple[str, str]]:
    """Kind and address of everything to crawl."""
    if config.is_demo:
        return [(DEMO, f"http://127.0.0.1:{config.port}/")]
    folders = [("folder", config.folder)] if config.folder is not None else []
    return folders + [("site", site) for site in config.sites]


def crawl_source(config: Config, source: tuple[str, str]) -> Shard:
    """The shard of one source, given by kind and address.

    Raises:
        SourceError: the source is a folder that is not usable, or it is the only one and holds no image.
    """
    kind, address = source
    if kind == "folder":
        return crawl_folder(config.licence, address, config.encoding)
    # The column `source` of a live site is its URL, which cannot be mistaken for the demo or a folder.
    shard = crawl_site(config, DEMO if kind == DEMO else address, address)
    if shard.rows_in == 0 and len(_sources(config)) == 1:
        # Raised before the shard is marked as finished, so that the next run tries again.
        pages = f"{shard.metrics['pages_fetched']} pages fetched, {shard.metrics['pages_failed']} failed"
        if shard.metrics["pages_elsewhere"]:
            pages += f", {shard.metrics['pages_elsewhere']} redirected to another host, such as www."
        raise SourceError(f"No image was found at {address} ({pages}): check the address and source.sites.")
    return shard


def serving(config: Config) -> AbstractContextManager[None]:
    """Serves the demo site during the block, if that is the source."""
    return demo_site(config.archive_path, config.port, config.composed) if config.is_demo else nullcontext()


def folder_of(artifact: Artifact, settings: Settings) -> str | None:
    """The folder that the crawl in the lineage of an artifact read, None if it read none.

    Raises:
        SourceError: that folder is gone, or its content is another now.
    """
    found = _crawl_of(artifact)
    config = source_of(artifact)
    if found is None or config is None or config.folder is None:
        return None
    if not Path(config.folder).is_dir() or crawl.artifact(config, settings).fingerprint != found.fingerprint:
        raise SourceError(
            f"{config.folder} was crawled, but has been moved or changed since: put it back, or delete "
            f"{found.uri} and run again."
        )
    return config.folder


def source_of(artifact: Artifact) -> Config | None:
    """The config of the crawl in the lineage of an artifact, None if there is none."""
    found = _crawl_of(artifact)
    return Config.model_validate(found.manifest().config) if found is not None else None


def _crawl_of(artifact: Artifact) -> Artifact | None:
    return next((ancestor for ancestor in lineage(artifact) if ancestor.stage == crawl.name), None)
