"""A hostile or faulty site leads the crawl nowhere else and does not end it; its reservations are obeyed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from pydantic import ValidationError
from support.tables import rows
from support.web import Answer, dribble, reply, web_site

from flows.changes import one_line
from flows.config import PipelineConfig
from tasks.crawl.config import Config
from tasks.crawl.sources.site import SPIDER, SiteSource
from tasks.crawl.stage import crawl
from tasks.errors import SourceError
from tasks.fetch.config import Config as FetchConfig
from tasks.fetch.consent import Consent
from tasks.fetch.img2dataset_shard import SafeDownloader
from tasks.web.host_rules import LIMITS, HostRules
from tasks.web.opt_out_list import OptOutList

A_DOG = "<img src='/dog.png' alt='a dog'>"


def crawled(settings, paths: dict[str, Answer], **config):
    """Candidates and rejects (reason by path) of a crawl of a small site, and its metrics."""
    with web_site(paths) as site:
        artifact = crawl(Config(sources=(SiteSource(address=f"{site}/", delay_s=0, **config),)), settings).artifact
    kept = sorted(row["url"].removeprefix(site) for row in rows(artifact, "candidates"))
    rejected = {row["url"].removeprefix(site): row["reason"] for row in rows(artifact, "rejects")}
    return kept, rejected, artifact.manifest().metrics


@pytest.fixture
def elsewhere():
    """Address of a server on a private address, and what it was asked for."""
    asked: list[str] = []
    with web_site({"/": f"<a href='/'>{A_DOG}</a>"}, host="127.0.0.2", asked=asked) as address:
        yield address, asked


def test_links_of_other_schemes_are_not_followed(settings, tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("<img src='http://127.0.0.1/stolen.png' alt='root:x:0:0'>")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with web_site({}) as site:
        host = site.removeprefix("http://")
    links = [f"file://{host}{path}" for path in (secret, pipe, "/dev/zero")]
    links += [secret.as_uri(), f"ftp://{host}/", f"data://{host}/,x", f"s3://{host}/a", "javascript:x", "http:", "//"]
    kept, rejected, metrics = crawled(settings, {"/": A_DOG + "".join(f"<a href='{link}'>x</a>" for link in links)})
    assert (kept, rejected) == (["/dog.png"], {})
    assert (metrics["pages_fetched"], metrics["pages_failed"]) == (1, 0)


@pytest.mark.parametrize("kind", ["redirect", "redirect of a page", "refresh", "base", "robots.txt", "image"])
def test_no_page_leads_to_another_host(settings, elsewhere, kind):
    address, asked = elsewhere
    there = reply(302, Location=f"{address}/")
    paths = {
        "redirect": {"/": A_DOG + "<a href='/away'>x</a>", "/away": there},
        "redirect of a page": {"/": A_DOG + "<a href='/a'>x</a>", "/a": reply(301, Location="/b"), "/b": there},
        "refresh": {"/": A_DOG + f"<meta http-equiv=refresh content='0; url={address}/'>"},
        "base": {"/": f"<base href='{address}/'><img src='dog.png' alt='a dog'><a href='page'>x</a>"},
        "robots.txt": {"/": A_DOG, "/robots.txt": there},
        "image": {"/": A_DOG + f"<img src='{address}/a.png' alt='a cat'>"},
    }[kind]
    if kind == "robots.txt":
        with pytest.raises(SourceError):
            crawled(settings, paths)
    else:
        _, rejected, metrics = crawled(settings, paths)
        assert metrics["pages_elsewhere"] == (1 if kind.startswith("redirect") else 0)
        assert set(rejected.values()) <= {"private_host"}
    assert asked == []


def test_a_site_that_redirects_to_another_host_is_an_error_that_says_so(settings, elsewhere):
    address, asked = elsewhere
    with pytest.raises(SourceError, match="1 redirected to another host"):
        crawled(settings, {"/": reply(301, Location=f"{address}/")})
    assert asked == []


def test_a_name_that_comes_to_resolve_to_a_private_address_is_not_asked(monkeypatch):
    import socket

    from tasks.crawl.sources.spider import Policy
    from tasks.web.refusals import RefusedError

    asked: list[str] = []
    with web_site({"/": A_DOG}, host="127.0.0.2", asked=asked) as address:
        port = int(address.rpartition(":")[2])
        answers = iter(["8.8.8.8"])

        def resolve(*_: object, **__: object):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.2"), port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        policy = Policy(f"http://rebinding.example:{port}/", float("inf"))
        with pytest.raises(RefusedError, match="private_host"):
            policy.fetch(f"http://rebinding.example:{port}/")
    assert asked == []


def test_addresses_that_no_parser_reads_are_rejects(settings):
    bad = [
        "http://[bad/x.png",
        "http://a:b:c/x",
        "//[::1",
        "http://\u2100.example/x",
        "http://x:99999999/",
        "http://%/",
    ]
    page = A_DOG + "".join(f"<img src='{url}' alt='{number}'><a href='{url}'>x</a>" for number, url in enumerate(bad))
    paths = {
        "/": page + "<a href='/away'>x</a><a href='/raw'>x</a>",
        "/away": reply(302, Location="http://[bad/"),
        "/raw": reply(302, Location="/caf\u00c3\u00a9"),  # UTF-8, as the server in the test writes Latin-1
        "/caf%C3%A9": "<img src='/cat.png' alt='a cat'>",
    }
    kept, rejected, metrics = crawled(settings, paths)
    assert kept == ["/cat.png", "/dog.png"]
    assert len(rejected) == len(bad)
    assert (metrics["pages_fetched"], metrics["pages_failed"]) == (2, 1)


def test_a_page_made_to_take_minutes_is_a_reject(settings):
    paths = {"/": A_DOG + "<a href='/deep'>x</a>", "/deep": A_DOG + "<div></x>" * 200_000}
    kept, rejected, metrics = crawled(settings, paths)
    assert (kept, rejected) == (["/dog.png"], {"/deep": "page_too_deep"})
    assert (metrics["pages_fetched"], metrics["pages_failed"]) == (1, 1)


def test_robots_txt_is_one_rule_for_pages_and_images(settings):
    robots = "\ufeffUser-agent: *\nDisallow: /no/\n" + ("#" + "x" * 98 + "\n") * 6000 + "Disallow: /\n"
    page = A_DOG + "<img src='/no/a.png' alt='a'><a href='/no/page'>x</a><a href='/there'>x</a>"
    paths = {"/": page, "/robots.txt": robots.encode(), "/there": reply(302, Location="/no/page"), "/no/page": A_DOG}
    kept, rejected, metrics = crawled(settings, paths)
    assert (kept, rejected) == (["/dog.png"], {"/no/a.png": "robots_disallowed"})
    assert (metrics["pages_fetched"], metrics["pages_disallowed"]) == (1, 2)


def test_an_image_that_redirects_is_fetched_by_the_rules_of_its_target():
    paths = {"/robots.txt": "User-agent: *\nDisallow: /no/\n", "/a": reply(302, Location="/no/a"), "/no/a": b"x"}
    paths |= {"/bad": reply(302, Location="http://[bad/x"), "/b": reply(302, Location="/c"), "/c": reply(404)}
    consent = Consent(HostRules(limits=replace(LIMITS, allow_private_hosts=True)), OptOutList(()))
    with web_site(paths) as site:
        urls = [site + path for path in ("/a", "/bad", "/b")]
        download_image = SafeDownloader(FetchConfig(allow_private_hosts=True), urls, set(), consent)
        errors = {key: error or "" for key, _, error in (download_image() for _ in urls)}
    assert [errors[row].partition("|")[0] for row in range(3)] == ["robots_disallowed", "bad_url", "http_404"]


@pytest.mark.parametrize("robots", [reply(500), reply(503, "User-agent: *"), reply(302, Location="/robots.txt")])
def test_a_site_whose_robots_txt_cannot_be_had_is_not_crawled(settings, robots):
    with pytest.raises(SourceError, match="0 pages fetched, 1 failed"):
        crawled(settings, {"/": A_DOG, "/robots.txt": robots})


@pytest.mark.parametrize(
    "reserved",
    [
        reply(200, A_DOG, tdm_reservation="1"),
        reply(200, A_DOG, X_Robots_Tag="dalle-pipeline: noai"),
        reply(200, A_DOG, X_Robots_Tag="noai noimageai"),
        reply(200, A_DOG, X_Robots_Tag="otherbot: nofollow, dalle-pipeline: noimageai"),
        "<meta name='tdm-reservation' content='1'>" + A_DOG,
        "<meta name='dalle-pipeline' content='noai'>" + A_DOG,
        "<meta name='robots' content='noai noimageai'>" + A_DOG,
    ],
)
def test_reservations_of_a_page_hold_for_its_images(settings, reserved):
    kept, rejected, _ = crawled(settings, {"/": reserved})
    assert (kept, rejected) == ([], {"/dog.png": "opted_out"})


def test_directives_for_another_crawler_are_not_for_this_one(settings):
    kept, _, _ = crawled(settings, {"/": reply(200, A_DOG, X_Robots_Tag="otherbot: noai, nofollow")})
    assert kept == ["/dog.png"]


def test_reservations_of_the_site_hold_for_pages_and_images(settings):
    tdmrep = json.dumps([{"location": "/pages/", "tdm-reservation": 1}, {"location": "/*.jpg$", "tdm-reservation": 1}])
    page = A_DOG + "<img src='/cat.jpg' alt='a cat'><a href='/pages/one'>x</a>"
    paths = {"/": page, "/pages/one": "<img src='/cow.png' alt='a cow'>", "/.well-known/tdmrep.json": tdmrep}
    kept, rejected, _ = crawled(settings, paths)
    assert (kept, rejected) == (["/dog.png"], {"/cat.jpg": "opted_out", "/cow.png": "opted_out"})


def test_alt_texts_and_addresses_of_megabytes_are_rejects(settings):
    content = f"{A_DOG}<img src='/long.png' alt='{'x ' * 2_000_000}'><img src='/{'y' * 100_000}' alt='a cat'>"
    kept, rejected, _ = crawled(settings, {"/": content})
    assert kept == ["/dog.png"]
    assert sorted(rejected.values()) == ["alt_too_long", "bad_url"]
    assert max(len(url) for url in rejected) < 5000


def test_limits_on_links_pages_and_depth_are_reported(settings):
    paths = {"/": A_DOG + "".join(f"<a href='/{number}'>x</a>" for number in range(5010))}
    _, _, metrics = crawled(settings, paths, max_pages=4)
    assert (metrics["links_beyond_limit"], metrics["pages_failed"], metrics["pages_not_reached"]) == (10, 3, 4997)
    _, _, metrics = crawled(settings, {"/": A_DOG + "<a href='/1'>x</a>"}, max_depth=0)
    assert metrics["pages_not_reached"] == 1


def test_a_crawl_ends_when_its_time_is_over_and_says_what_it_did_not_reach(settings):
    def slow(handler):
        time.sleep(0.5)
        reply(200, A_DOG)(handler)

    paths = {"/": A_DOG + "".join(f"<a href='/{number}'>x</a>" for number in range(200))}
    paths |= {f"/{number}": slow for number in range(200)}
    kept, _, metrics = crawled(settings, paths, max_minutes=0.02)
    assert kept == ["/dog.png"]
    assert metrics["pages_not_reached"] > 100
    assert metrics["pages_fetched"] + metrics["pages_failed"] + metrics["pages_not_reached"] == 201


def test_a_page_that_never_ends_is_given_up(settings, monkeypatch):
    from tasks.crawl.sources import spider
    from tasks.web.connection import Limits

    monkeypatch.setattr(spider, "PAGE_LIMITS", Limits(timeout_s=0.5, deadline_s=1.0, max_bytes=1000))
    with web_site({"/slow": dribble, "/large": b"x" * 2000}) as site:
        policy = spider.Policy(f"{site}/", time.monotonic() + 60)
        with pytest.raises(spider.RefusedError, match="timeout"):
            policy.fetch(f"{site}/slow")
        with pytest.raises(spider.RefusedError, match="too_large"):
            policy.fetch(f"{site}/large")


def test_a_spider_that_hangs_is_ended_by_the_system(monkeypatch):
    program = f"""
import time
from {SPIDER} import crawl
from tasks.crawl.sources import spider
spider.GRACE_S = 1
spider.CrawlerProcess = lambda _: time.sleep(60)
crawl({{"start_url": "http://127.0.0.1/", "max_s": 0.5, "delay_s": 0}})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGALRM


@pytest.mark.parametrize(
    "site",
    ["https://user:secret@example.com/", "http://secret@example.com", "HTTP://u:secret@x/", "http://u:se@secret@[bad/"],
)
def test_credentials_in_a_site_are_refused_and_not_repeated(site):
    for make in (lambda: SiteSource(address=site), lambda: PipelineConfig.model_validate({"source": [site]})):
        with pytest.raises(ValidationError, match="was given with a user name or password") as caught:
            make()
        assert "secret" not in str(caught.value) + one_line(caught.value)


@pytest.mark.parametrize(
    "source",
    ["https://user:secret@x/", ("https://user:secret@x/",), {"sources": "ftp://user:secret@x/"}, ["s3://u:secret@x/"]],
)
def test_credentials_are_not_in_the_sentence_about_a_setting(source):
    with pytest.raises(ValidationError) as caught:
        PipelineConfig.model_validate({"source": source})
    assert "secret" not in one_line(caught.value)


@pytest.mark.parametrize("site", ["http://[", "http://", "https://:80/", "http://x:99999/", "http://x:y/"])
def test_a_site_without_a_valid_host_is_refused(site):
    with pytest.raises(ValidationError, match="is no web address"):
        SiteSource(address=site)


def test_credentials_on_a_page_are_not_stored(settings):
    page = (
        "<img src='http://me:secret@127.0.0.1:1/a.png' alt='a dog'><a rel=license href='//me:secret@x/'>x</a>" + A_DOG
    )
    with web_site({"/": page}) as site:
        artifact = crawl(Config(sources=(SiteSource(address=f"{site}/", delay_s=0),)), settings).artifact
    assert "secret" not in str(rows(artifact, "candidates")) + str(rows(artifact, "rejects"))
