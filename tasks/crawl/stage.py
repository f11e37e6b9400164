"""The first stage: candidates, which are image URLs with alt texts, from sources of several kinds or the demo site."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from tasks.crawl.config import Config
from tasks.crawl.demo.site import demo_site
from tasks.crawl.packed.packed_source import PackedSource
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.weight import weighted
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.errors import SourceError
from tasks.settings import Settings


@stage(Config, version=5, headline=("pages_fetched", "pages_disallowed"))
def crawl(config: Config, output: Output) -> None:
    """Collects candidates; one shard for each part of a source. Section 2.3 of the paper.

    Metrics: of sites, the pages fetched, disallowed by robots.txt, failed, redirected elsewhere, and not reached within
    the limits; links and images beyond the limits. Of archives, what `ArchiveReport` counts.

    Raises:
        SourceError: no source holds an image, or one is not usable.
        PortInUseError: the port of the demo site is in use.
    """
    parts = [(name, part) for name, source in config.named_sources.items() for part in source.parts()]
    with serving(config):
        markers = output.map(partial(read_part, config, output.settings, len(parts)), parts, unit="references")
    if not any(marker.rows_in for marker in markers):
        raise SourceError(
            f"None of {', '.join(part for _, part in parts)} gave an image: check source.sources, and set another "
            "source.snapshot to crawl sites again."
        )


def read_part(config: Config, settings: Settings, parts: int, named: tuple[str, str]) -> Shard:
    """The shard of one of so many parts of all sources, given by the source's name and the part's address.

    Raises:
        SourceError: the source is not usable, or it is all there is and holds no image.
    """
    name, part = named
    source = config.named_sources[name]
    shard = source.read(name, part, settings)
    if shard.rows_in == 0 and parts == 1:
        # Raised before the shard is marked as finished, so that the next run tries again.
        raise SourceError(source.without_image(part, shard))
    return shard if source.weight == 1 else weighted(shard, source.weight, settings)


def serving(config: Config) -> AbstractContextManager[None]:
    """Serves the demo site during the block, if that is the source."""
    return demo_site(config.archive_path, config.port, config.composed) if config.is_demo else nullcontext()


def holding(artifact: Artifact, settings: Settings) -> dict[str, FolderSource | PackedSource]:
    """The sources that the crawl in the lineage of an artifact read and that hold their pictures themselves, by the
    value of the column `source`.

    Raises:
        SourceError: one is gone, or the content is another now.
    """
    found = _crawl_of(artifact)
    config = source_of(artifact)
    if found is None or config is None or not config.holding:
        return {}
    try:
        is_same = crawl.artifact(config, settings).fingerprint == found.fingerprint
    except SourceError:  # which says of another moment what is said below
        is_same = False
    if not is_same:
        raise SourceError(
            f"{' and '.join(source.path for source in config.holding.values())} was crawled, but has been moved or "
            f"changed since: put it back, or delete {found.uri} and run again."
        )
    return config.holding


def source_of(artifact: Artifact) -> Config | None:
    """The config of the crawl in the lineage of an artifact, None if there is none."""
    found = _crawl_of(artifact)
    return Config.model_validate(found.manifest().config) if found is not None else None


def _crawl_of(artifact: Artifact) -> Artifact | None:
    return next((ancestor for ancestor in lineage(artifact) if ancestor.stage == crawl.name), None)
