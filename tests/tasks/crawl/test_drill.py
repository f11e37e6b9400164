"""A site with all faults at once, crawled: bounded, accounted for, and no way out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from support.processes import children_running
from support.tables import rows
from support.web import dribble, dribble_headers, reply, web_site

from tasks.crawl.config import Config
from tasks.crawl.sources.site import SPIDER
from tasks.crawl.stage import crawl

MAX_MEMORY_MB = 700


def hostile(number: int, other: str) -> dict:
    """Pages of each kind, under the number."""
    links = "".join(f"<a href='/{number}/none/{link}'>x</a>" for link in range(100_000))
    images = "".join(f"<img src='/{image}.png' alt='image {image}'>" for image in range(50_000))
    return {
        f"/{number}/many links": links + f"<img src='/links{number}.png' alt='a dog'>",
        f"/{number}/many images": images,
        f"/{number}/nested": "<div>" * 200_000 + f"<img src='/nested{number}.png' alt='a cat'>",
        f"/{number}/long": f"<img src='/long{number}.png' alt='{'x' * 4_500_000}'>",
        f"/{number}/dribble": dribble,
        f"/{number}/dribble headers": dribble_headers,
        f"/{number}/away": reply(302, Location=f"{other}/"),
        f"/{number}/refresh": f"<meta http-equiv=refresh content='0;url={other}/'>",
        f"/{number}/bytes": reply(200, bytes(range(256)) * 40_000, Content_Encoding="gzip"),
    }


@contextmanager
def memory_watched(module: str) -> Iterator[list[float]]:
    """Adds a sample, MiB, of each child that runs the module, every tenth of a second."""
    samples: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            with suppress(psutil.Error):  # a child has ended
                samples.extend(child.memory_info().rss / 2**20 for child in children_running(module))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        stop.set()
        watcher.join()


@pytest.mark.slow
def test_a_site_with_every_fault_is_bounded_in_memory_and_time_and_accounted_for(settings):
    asked: list[str] = []
    with web_site({}, host="127.0.0.2", asked=asked) as other:
        paths = {}
        for number in range(4):
            paths |= hostile(number, other)
        paths = {path.replace(" ", "%20"): answer for path, answer in paths.items()}
        bad = f"<a href='file:///etc/hostname'>x</a><a href='{other}/'>x</a><img src='http://[bad/x' alt='a'>"
        paths["/"] = bad + f"<img src='{other}/a.png' alt='b'>" + "".join(f"<a href='{path}'>x</a>" for path in paths)
        with web_site(paths) as site:
            config = Config(sites=(f"{site}/",), delay_s=0, max_pages=100, max_minutes=1)
            with memory_watched(SPIDER) as memory_mb:
                artifact = crawl(config, settings).artifact
    manifest = artifact.manifest()
    metrics = manifest.metrics
    assert 0 < max(memory_mb) < MAX_MEMORY_MB
    kept = {row["url"].removeprefix(site) for row in rows(artifact, "candidates")}
    assert {f"/{name}{number}.png" for name in ("links", "nested") for number in range(4)} <= kept
    assert manifest.counts.rejected["alt_too_long"] == 4
    assert manifest.counts.rejected["private_host"] == 1
    assert manifest.counts.rejected["bad_url"] == 1
    assert manifest.counts.rows_in == manifest.counts.rows_out + sum(manifest.counts.rejected.values())
    assert (metrics["pages_elsewhere"], metrics["images_beyond_limit"]) == (4, 4 * 40_000)
    assert metrics["links_beyond_limit"] == 4 * 95_000
    assert metrics["pages_not_reached"] > 0
    assert asked == []
