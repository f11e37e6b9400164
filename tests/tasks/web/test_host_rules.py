"""One rule for the robots.txt and tdmrep.json of every host, whatever these files hold."""

import json
import socket
import time
from dataclasses import replace

import pytest
from support.web import Answer, dribble, reply, web_site

from tasks.web.connection import Limits
from tasks.web.download import download
from tasks.web.host_rules import LIMITS, HostRules
from tasks.web.refusals import RefusedError

HERE = replace(LIMITS, timeout_s=0.5, deadline_s=1.0, allow_private_hosts=True)
DISALLOW = "User-agent: *\nDisallow: /no\n"


def verdicts(robots: Answer, *paths: str, tdmrep: Answer = b"") -> list[str]:
    with web_site({"/robots.txt": robots, "/.well-known/tdmrep.json": tdmrep}) as site:
        return [verdict(HostRules(limits=HERE), site + path) for path in paths]


def verdict(rules: HostRules, url: str) -> str:
    try:
        rules.check(url)
    except RefusedError as refusal:
        return refusal.reason
    return "allowed"


@pytest.mark.parametrize(
    ("robots", "expected"),
    [
        (DISALLOW, "allowed"),
        (reply(404), "allowed"),
        (reply(403), "allowed"),
        (reply(500), "robots_unavailable"),
        (reply(503, DISALLOW), "robots_unavailable"),
        (reply(301, Location="/robots.txt"), "robots_unavailable"),
        (reply(302, Location="http://[bad/robots.txt"), "bad_url"),
        (reply(302, Location="file:///etc/hostname"), "bad_url"),
        (reply(200, DISALLOW, X_Robots_Tag="noindex"), "allowed"),
        (dribble, "robots_unavailable"),
        (b"\x00\xff\xfe" * 1000, "allowed"),
        (b"Disallow: /\nUser-agent\n:::\nUser-agent: *\nAllow: [%ZZ", "allowed"),
    ],
)
def test_a_host_without_readable_rules_allows_nothing_and_one_without_rules_everything(robots, expected):
    assert verdicts(robots, "/a.png") == [expected]


@pytest.mark.parametrize(("failures", "expected", "asked"), [(1, "robots_disallowed", 2), (9, "robots_unavailable", 2)])
def test_a_passing_failure_of_robots_txt_is_asked_again_once(monkeypatch, failures, expected, asked):
    monkeypatch.setattr("tasks.web.download.PAUSE_S", 0.01)
    visits = []

    def busy(handler):
        visits.append(1)
        (reply(503) if len(visits) <= failures else reply(200, DISALLOW))(handler)

    assert verdicts(busy, "/no/a") == [expected]
    assert len(visits) == asked


def test_robots_txt_is_not_asked_again_when_the_time_for_the_crawl_is_over(monkeypatch):
    monkeypatch.setattr("tasks.web.download.PAUSE_S", 0.3)
    visits = []

    def busy(handler):
        visits.append(1)
        reply(503)(handler)

    with web_site({"/robots.txt": busy}) as site:
        rules = HostRules(limits=HERE, deadline=time.monotonic() + 0.2)
        assert verdict(rules, f"{site}/a") == "robots_unavailable"
    assert len(visits) == 1


def test_a_host_that_does_not_answer_allows_nothing():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert verdict(HostRules(limits=HERE), f"http://127.0.0.1:{server.getsockname()[1]}/a") == "robots_unavailable"


def test_the_first_500_kib_of_robots_txt_are_parsed():
    comment = "#" + "x" * 98 + "\n"
    assert len(comment * 5000) < 512_000 < len(comment * 5200)
    begin, late = DISALLOW + comment * 6000 + "Disallow: /late\n", comment * 5200 + DISALLOW
    assert verdicts(begin, "/no/a", "/late", "/a") == ["robots_disallowed", "allowed", "allowed"]
    assert verdicts(comment * 5000 + DISALLOW, "/no/a") == ["robots_disallowed"]
    assert verdicts(late, "/no/a") == ["allowed"]


def test_a_rule_that_is_cut_in_its_middle_is_no_rule():
    rules = "User-agent: *\n#" + "x" * (512_000 - 30) + "\nDisallow: /no/secret\n"
    assert verdicts(rules, "/no-secret.png", "/a") == ["allowed", "allowed"]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_byte_order_mark_does_not_lose_the_first_group(mark):
    assert verdicts((mark + DISALLOW).encode(), "/no/a") == ["robots_disallowed"]


@pytest.mark.parametrize("url", ["", "http://[bad/x.png", "http:///x", "file:///etc/hostname", "ftp://a/b", "//a/b"])
def test_an_address_that_is_no_web_address_is_refused(url):
    assert verdict(HostRules(), url) == "bad_url"


def test_private_hosts_are_not_asked_for_their_rules():
    asked: list[str] = []
    with web_site({}, asked=asked) as site:
        assert verdict(HostRules(), f"{site}/a.png") == "private_host"
        assert verdict(HostRules(private_host=site.removeprefix("http://")), f"{site}/a.png") == "allowed"
    assert asked == ["/robots.txt", "/.well-known/tdmrep.json"]


def test_the_rules_of_a_private_site_do_not_lead_to_another_host():
    asked: list[str] = []
    with (
        web_site({}, host="127.0.0.2", asked=asked) as other,
        web_site({"/robots.txt": reply(302, Location=f"{other}/robots.txt")}) as site,
    ):
        rules = HostRules(private_host=site.removeprefix("http://"))
        assert verdict(rules, f"{site}/a.png") == "robots_unavailable"
    assert asked == []


@pytest.mark.parametrize(
    ("location", "reserved"),
    [
        ("/", ["/", "/a/b.png", "/é.png?q=1"]),
        ("/a/", ["/a/b.png"]),
        ("/a/*.png", ["/a/b.png"]),
        ("*.png$", ["/a/b.png"]),
        ("/%C3%A9", ["/é.png?q=1"]),
        ("/none", []),
        ("*" * 5000 + "x$", []),
    ],
)
def test_a_reservation_of_a_site_holds_for_the_paths_it_names(location, reserved):
    paths = ["/", "/a/b.png", "/é.png?q=1"]
    tdmrep = json.dumps([{"location": location, "tdm-reservation": 1}])
    found = verdicts(reply(404), *paths, tdmrep=tdmrep)
    assert [path for path, reason in zip(paths, found, strict=True) if reason == "opted_out"] == reserved


def test_of_a_sites_reservations_the_first_that_matches_counts():
    rules = [{"location": "/free/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]
    assert verdicts(reply(404), "/free/a", "/a", tdmrep=json.dumps(rules)) == ["allowed", "opted_out"]


@pytest.mark.parametrize(
    "tdmrep", ["", "{", "[" * 100_000, "[1, null, {}]", '[{"location": 1}]', "\ufeff[]", reply(500)]
)
def test_a_file_of_reservations_that_cannot_be_read_reserves_nothing(tdmrep):
    assert verdicts(reply(404), "/a", tdmrep=tdmrep) == ["allowed"]


def test_an_image_that_redirects_to_a_disallowed_path_is_refused():
    paths = {"/robots.txt": DISALLOW, "/a": reply(302, Location="/no/a"), "/b": reply(302, Location="/c"), "/c": b"x"}
    with web_site(paths) as site:
        rules = HostRules(limits=HERE)
        assert download(f"{site}/b", HERE, before_redirect=rules.check).body == b"x"
        with pytest.raises(RefusedError, match="robots_disallowed"):
            download(f"{site}/a", HERE, before_redirect=rules.check)


def test_hosts_are_not_asked_after_the_deadline():
    asked: list[str] = []
    with web_site({}, asked=asked) as site:
        assert verdict(HostRules(limits=HERE, deadline=0.0), f"{site}/a") == "timeout"
    assert asked == []


def test_hosts_not_asked_about_for_longest_are_forgotten_and_asked_again(monkeypatch):
    monkeypatch.setattr("tasks.web.host_rules.MOST_KEPT", 3 * 2_000 + 500)
    with web_site({"/robots.txt": b"#"}) as site:
        port = site.rpartition(":")[2]
        first, *others = (f"http://127.0.0.{number}:{port}/a" for number in range(1, 6))
        rules = HostRules(limits=HERE)
        monkeypatch.setattr(HostRules, "_file", counting(HostRules._file, asked_hosts := []))
        for url in (first, first, *others, first):
            verdict(rules, url)
    assert asked_hosts.count("http://127.0.0.1:" + port) == 4  # robots.txt and tdmrep.json, twice
    assert rules._size <= 3 * 2_000 + 500
    assert len(rules._asked) == 3


def counting(real, hosts):
    def counted(self, host, path):
        hosts.append(host)
        return real(self, host, path)

    return counted


def test_a_host_without_readable_rules_is_asked_again_later_and_one_with_rules_the_next_day(monkeypatch):
    visits: list[str] = []
    with web_site({"/robots.txt": reply(500)}, asked=visits) as broken, web_site({}, asked=visits) as open_to_all:
        rules = HostRules(limits=HERE)
        monkeypatch.setattr("tasks.web.download.PAUSE_S", 0.01)
        now = time.monotonic()
        for hours in (0, 0.1, 0.2, 25):
            monkeypatch.setattr("tasks.web.host_rules.time.monotonic", lambda later=hours: now + later * 3600)
            verdict(rules, f"{broken}/a")
            verdict(rules, f"{open_to_all}/a")
    assert visits.count("/robots.txt") == 3 * 2 + 2  # each time twice; once and once
    assert visits.count("/.well-known/tdmrep.json") == 2


def test_limits_that_cut_keep_the_beginning_of_a_long_body():
    with web_site({"/a": b"x" * 100_000}) as site:
        assert len(download(f"{site}/a", Limits(max_bytes=1000, cut=True, allow_private_hosts=True)).body) == 1000
