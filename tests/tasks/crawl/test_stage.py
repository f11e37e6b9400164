"""Which images become candidates on live sites, whose rules are obeyed."""

import json
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError
from support.processes import children_running
from support.tables import rows
from support.web import Answer, free_port, reply, web_site

from tasks.crawl.candidates import pair_id
from tasks.crawl.config import Config
from tasks.crawl.sources.site import SPIDER, SiteSource
from tasks.crawl.stage import crawl
from tasks.errors import ChildFailedError, SourceError


def page(*content: str, head: str = "") -> Answer:
    return reply(200, f"<html><head>{head}</head><body>{''.join(content)}</body></html>")


def link(path: str, rel: str = "") -> str:
    return f"<a href='{path}' rel='{rel}'>more</a>"


def image(src: str, alt: str | None = "a dog") -> str:
    return f"<img src='{src}'>" if alt is None else f"<img src='{src}' alt='{alt}'>"


def crawled(settings, paths: dict[str, Answer], **config):
    """The artifact of a crawl of a small site, and the site's address."""
    with web_site(paths) as site:
        return crawl(Config(sources=(SiteSource(address=f"{site}/", delay_s=0, **config),)), settings).artifact, site


def urls(artifact, site: str) -> list[str]:
    return sorted(row["url"].removeprefix(site) for row in rows(artifact, "candidates"))


def refused(artifact, site: str) -> dict[str, str]:
    return {row["url"].removeprefix(site): row["reason"] for row in rows(artifact, "rejects")}


def test_images_with_alt_text_are_found_by_following_links(settings):
    paths = {
        "/": page(image("/a.png", "a dog"), link("deeper/")),
        "/deeper/": page(image("b.png", "a cat &amp; a mouse"), link("/")),
    }
    artifact, site = crawled(settings, paths)
    found = {row["url"]: row for row in rows(artifact, "candidates")}
    assert set(found) == {f"{site}/a.png", f"{site}/deeper/b.png"}
    row = found[f"{site}/deeper/b.png"]
    assert (row["alt"], row["page_url"], row["source"]) == ("a cat & a mouse", f"{site}/deeper/", f"{site}/")
    assert row["pair_id"] == pair_id(row["url"], row["alt"])


def test_a_split_that_a_page_states_travels_with_the_image(settings):
    held_out = "<img src='/a.png' alt='the very same dog' data-split='validation'><img src='/b.png' data-split='test'>"
    paths = {
        "/": page(image("/a.png", "the very same dog"), image("/a.png", "a dog"), image("/b.png", "a cat"), link("/z")),
        "/z": page(held_out, "<img src='/c.png' alt='a cow' data-split='train'>", image("/d.png", "a hen")),
    }
    artifact, site = crawled(settings, paths)
    assert {(row["url"].removeprefix(site), row["alt"]): row["split"] for row in rows(artifact, "candidates")} == {
        ("/a.png", "the very same dog"): "validation",  # what a duplicate says counts too
        ("/a.png", "a dog"): "validation",
        ("/b.png", "a cat"): "validation",  # and what an image without alt text says
        ("/c.png", "a cow"): "train",
        ("/d.png", "a hen"): None,
    }


def test_references_that_cannot_be_used_are_rejects_with_a_reason(settings):
    content = [
        image("/mute.png", None), image("/blank.png", "  "), image("data:image/gif;base64,AAAA"), image("javascript:x"),
        image(""), image("file:///etc/hostname"), image("http://10.0.0.1/a.png"),
        image("/twice.png"), image("/twice.png"), image("/twice.png", "the same dog"), image("http://[no-host/a.png"),
    ]  # fmt: skip
    artifact, site = crawled(settings, {"/": page(*content)})
    assert urls(artifact, site) == ["/twice.png", "/twice.png"]
    assert artifact.manifest().counts.rejected == {"bad_url": 5, "duplicate": 1, "missing_alt": 2, "private_host": 1}


def test_robots_txt_is_obeyed_for_pages_and_for_images(settings):
    paths = {
        "/robots.txt": "User-agent: *\nDisallow: /private/\n",
        "/": page(image("/private/a.png"), image("/public/b.png"), link("/private/page"), link("/public/page")),
        "/private/page": page(image("/public/secret.png")),
        "/public/page": page(image("/public/c.png")),
    }
    artifact, site = crawled(settings, paths)
    assert urls(artifact, site) == ["/public/b.png", "/public/c.png"]
    assert refused(artifact, site) == {"/private/a.png": "robots_disallowed"}
    metrics = artifact.manifest().metrics
    assert (metrics["pages_fetched"], metrics["pages_disallowed"], metrics["pages_failed"]) == (2, 1, 0)


def test_a_host_whose_robots_txt_cannot_be_read_allows_nothing(settings):
    with web_site({"/robots.txt": reply(503)}) as elsewhere:
        host = elsewhere.removeprefix("http://127.0.0.1")
        paths = {"/": page(image("/here.png"), image(f"http://localhost{host}/there.png"))}
        artifact, site = crawled(settings, paths)
    assert urls(artifact, site) == ["/here.png"]


def test_robots_directives_of_pages_are_obeyed(settings):
    paths = {
        "/": page(link("/noai"), link("/nofollow"), link("/secret", rel="nofollow"), link("/header")),
        "/noai": page(image("/a.png"), head="<meta name='robots' content='NoAI, noimageai'>"),
        "/nofollow": page(image("/b.png"), link("/secret"), head="<meta name='ROBOTS' content='nofollow'>"),
        "/secret": page(image("/c.png")),
        "/header": reply(200, f"<html>{image('/d.png')}</html>", X_Robots_Tag="noindex"),
    }
    artifact, site = crawled(settings, paths)
    assert urls(artifact, site) == ["/b.png"]
    assert refused(artifact, site) == {"/a.png": "opted_out", "/d.png": "opted_out"}


def test_the_crawl_stays_on_the_site(settings):
    with web_site({"/": page(image("/elsewhere.png"))}) as elsewhere:
        paths = {
            "/": page(image("/a.png"), link(f"{elsewhere}/"), link("/away")),
            "/away": reply(302, Location=elsewhere),
        }
        artifact, site = crawled(settings, paths)
    assert urls(artifact, site) == ["/a.png"]


def test_page_and_depth_limits_cut_at_the_same_place_every_time(settings):
    paths = {"/": page(*(link(f"/{number}") for number in range(9)), image("/start.png"))}
    paths |= {f"/{number}": page(image(f"/{number}.png"), link(f"/{number}/deep")) for number in range(9)}
    paths |= {f"/{number}/deep": page(image(f"/{number}-deep.png")) for number in range(9)}
    few, site = crawled(settings, paths, max_pages=4)
    assert urls(few, site) == ["/0.png", "/1.png", "/2.png", "/start.png"]
    shallow, site = crawled(settings, paths, max_depth=1)
    assert urls(shallow, site) == sorted(["/start.png", *(f"/{number}.png" for number in range(9))])


def test_the_licence_of_the_page_overrides_the_configured_one(settings):
    paths = {
        "/": page(image("/a.png"), link("/licensed")),
        "/licensed": page(image("/b.png"), link("/terms", rel="license")),
        "/terms": page(),
    }
    artifact, site = crawled(settings, paths, licence="CC BY 4.0")
    licences = {row["url"].removeprefix(site): row["licence"] for row in rows(artifact, "candidates")}
    assert licences == {"/a.png": "CC BY 4.0", "/b.png": f"{site}/terms"}


def test_failed_pages_are_counted_and_do_not_end_the_crawl(settings):
    paths = {"/": page(image("/a.png"), link("/gone"), link("/broken"), link("/file")), "/broken": reply(500),
             "/file": reply(200, b"\x00\x01", Content_Disposition="attachment")}  # fmt: skip
    artifact, _ = crawled(settings, paths)
    metrics = artifact.manifest().metrics
    assert (metrics["pages_fetched"], metrics["pages_failed"]) == (2, 2)


def test_the_real_url_of_lazily_loaded_images_is_found(settings):
    lazy = "<img src='data:image/gif;base64,AAAA' data-src='/real.png' alt='a dog'>"
    artifact, site = crawled(settings, {"/": page(lazy)})
    assert urls(artifact, site) == ["/real.png"]


def test_a_site_that_does_not_answer_is_an_error_and_is_tried_again(settings):
    site = f"http://127.0.0.1:{free_port()}/"
    config = Config(sources=(SiteSource(address=site, delay_s=0),))
    with pytest.raises(SourceError, match=r"No image was found at .* \(0 pages fetched, 1 failed\): check the address"):
        crawl(config, settings)
    assert not Path(crawl.artifact(config, settings).uri, "shards").exists()


def test_the_spider_opens_no_port_and_writes_nothing_at_home(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    listening = []

    def look(handler):
        listening.extend(
            connection
            for spider in children_running(SPIDER)
            for connection in spider.net_connections()
            if connection.status == psutil.CONN_LISTEN
        )
        page(image("/a.png"))(handler)

    crawled(settings, {"/": look})
    assert listening == []
    assert not (tmp_path / "home").exists()


def test_a_spider_that_dies_is_one_sentence(settings):
    def kill_the_visitor(_):
        for spider in children_running(SPIDER):
            spider.kill()

    with pytest.raises(ChildFailedError, match=r"^The crawl of http://.*/ ended early \(.*; killed by SIGKILL\)\.$"):
        crawled(settings, {"/": kill_the_visitor})


@pytest.mark.parametrize("address", ["example.com", "file:///tmp", ""])
def test_a_site_must_be_a_web_address(address):
    with pytest.raises(ValidationError, match="is no web address"):
        SiteSource(address=address)


def test_a_new_snapshot_label_crawls_again(settings):
    first, second = (
        crawl.artifact(Config(sources=("https://example.com/",), snapshot=s), settings) for s in ("a", "b")
    )
    assert first != second


def test_pair_ids_depend_on_url_and_alt_text():
    assert pair_id("https://example.com/a.png", "a dog") == pair_id("https://example.com/a.png", "a dog")
    assert len({pair_id("u", "a"), pair_id("u", "b"), pair_id("v", "a")}) == 3
    assert json.dumps(pair_id("u", "\ud800"))  # a lone surrogate, as in broken pages
