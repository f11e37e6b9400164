"""From a source of images with alt texts to packed training pairs."""

from flows.config import PipelineConfig
from flows.run import Run
from tasks.crawl.stage import crawl
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact
from tasks.fetch.stage import fetch
from tasks.pack import pack
from tasks.screen_captions.stage import screen_captions
from tasks.screen_images import screen_images


def dataset(config: PipelineConfig, run: Run) -> Artifact:
    """Returns the packed pairs; every row that was dropped on the way stands in some stage's rejects."""
    candidates = run(crawl, config.source)
    captions = run(screen_captions, config.screen_captions, candidates=candidates)
    fetched = run(fetch, config.fetch, captions=captions)
    screened = run(screen_images, config.screen_images, images=fetched)
    unique = run(dedup, config.dedup, images=screened)
    return run(pack, config.pack, images=unique)
