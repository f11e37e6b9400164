"""Packed pairs made by the real stages, from a tar of pictures."""

from pathlib import Path

from support.tars import tar
from support.web import picture
from tasks.crawl.config import Config as CrawlConfig
from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.crawl.stage import crawl
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact
from tasks.fetch.config import Config as FetchConfig
from tasks.fetch.stage import fetch
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_captions
from tasks.screen_images.config import Config as ImagesConfig
from tasks.screen_images.stage import screen_images
from tasks.settings import Settings

WORDS = ("cat", "dog", "house", "garden", "river", "mountain", "bicycle", "apple", "bridge", "window")


def tar_of_pairs(folder: Path, count: int) -> Path:
    """Pairs of which each third states CC BY 4.0 and its address, every fifth is held out, and one is too short."""
    files: list[tuple[str, bytes | str | dict[str, str]]] = []
    for number in range(count):
        first, second = WORDS[number % 10], WORDS[(number // 10 + number) % 10]
        about = {
            "caption": f"a {first} beside the {second}, as seen on day {number} of the journey",
            "split": "validation" if number % 5 == 0 else "train",
        }
        if number % 3 == 0:
            about |= {"license": "CC BY 4.0", "url": f"https://example.org/{number}.jpg"}
        files += [(f"{number:09d}.jpg", picture(number, (72, 64), "JPEG")), (f"{number:09d}.json", about)]
    files += [("short.jpg", picture(count, (72, 64))), ("short.txt", "cat")]
    return tar(folder / "0.tar", *files)


def packed_pairs(settings: Settings, folder: Path, count: int = 30, pairs_per_shard: int = 8) -> Artifact:
    """The pairs of such a tar, packed; what states no licence is MIT."""
    source = WebDatasetSource(path=str(tar_of_pairs(folder, count)), licence="MIT")
    candidates = crawl(CrawlConfig(sources=(source,)), settings).artifact
    captions = screen_captions(CaptionsConfig(), settings, candidates=candidates).artifact
    images = fetch(FetchConfig(urls_per_shard=pairs_per_shard), settings, captions=captions).artifact
    screened = screen_images(ImagesConfig(min_side_px=32), settings, images=images).artifact
    unique = dedup(DedupConfig(), settings, images=screened).artifact
    return pack(PackConfig(pairs_per_shard=pairs_per_shard), settings, images=unique).artifact
