"""No image is asked for against the will of its host, whatever source it comes from; each decision is on record."""

import json

import pytest
from support.tables import artifact, reasons, rows
from support.web import Answer, dribble, picture, reply, web_site

from tasks.fetch.config import Config
from tasks.fetch.consent import GROUNDS
from tasks.fetch.stage import fetch

LOCAL = Config(allow_private_hosts=True, timeout_s=1, deadline_s=3, retries=0)
DISALLOW = "User-agent: *\nDisallow: /no/\n"


def fetched(settings, urls: list[str], config: Config = LOCAL):
    return fetch(config, settings, captions=artifact("captions", settings, [{"url": url} for url in urls])).artifact


def decisions(images) -> dict[str, str]:
    """What was decided of each URL, by its path: why it was fetched, or why not and the detail."""
    found = {row["url"].split("/", 3)[3]: row["consent"] for row in rows(images, "images")}
    for row in rows(images, "rejects"):
        found[row["url"].split("/", 3)[3]] = f"{row['reason']}: {row['detail']}"
    return found


def test_every_decision_is_on_record(settings):
    tdmrep = json.dumps([{"location": "/reserved/", "tdm-reservation": 1}])
    paths: dict[str, Answer] = {
        "/robots.txt": DISALLOW,
        "/.well-known/tdmrep.json": tdmrep,
        "/a.png": picture(1),
        "/no/b.png": picture(2),
        "/to-no.png": reply(302, Location="/no/b.png"),
        "/reserved/c.png": picture(3),
        "/noai.png": reply(200, picture(4), X_Robots_Tag="dalle-pipeline: noai, otherbot: all"),
        "/others.png": reply(200, picture(5), X_Robots_Tag="otherbot: noai"),
        "/noimageindex.png": reply(200, picture(6), X_Robots_Tag="noimageindex"),
        "/tdm.png": reply(200, picture(7), tdm_reservation="1"),
        "/tdm0.png": reply(200, picture(8), tdm_reservation="0"),
    }
    asked: list[str] = []
    images_of = [path for path in paths if path.endswith(".png")]
    with web_site(paths, asked=asked) as site, web_site({"/d.png": picture(9)}) as without:
        images = fetched(settings, [*(site + path for path in images_of), f"{without}/d.png"])
    assert decisions(images) == {
        "a.png": "robots_txt",
        "others.png": "robots_txt",
        "tdm0.png": "robots_txt",
        "d.png": "no_robots_txt",
        "no/b.png": "robots_disallowed: robots.txt",
        "to-no.png": "robots_disallowed: robots.txt",
        "reserved/c.png": "opted_out: tdm-reservation in tdmrep.json",
        "noai.png": "opted_out: noai",
        "noimageindex.png": "opted_out: noimageindex",
        "tdm.png": "opted_out: tdm-reservation",
    }
    assert {row["consent"] for row in rows(images, "images")} <= set(GROUNDS)
    assert not {"/no/b.png", "/reserved/c.png"} & set(asked)


def test_a_host_is_asked_for_its_rules_once_for_all_shards_of_a_run(settings):
    asked: list[str] = []
    paths: dict[str, Answer] = {f"/{number}.png": picture(number) for number in range(12)}
    with web_site(paths | {"/robots.txt": DISALLOW}, asked=asked) as site:
        images = fetched(settings, [site + path for path in paths], LOCAL.model_copy(update={"urls_per_shard": 3}))
    assert len(images.files("images")) == 4
    assert asked.count("/robots.txt") == asked.count("/.well-known/tdmrep.json") == 1


@pytest.mark.parametrize(
    ("robots", "expected"),
    [
        (reply(403), None),
        (reply(404), None),
        (reply(500), "robots_unavailable"),
        (reply(503, Retry_After="3600"), "robots_unavailable"),
        (reply(301, Location="/robots.txt"), "robots_unavailable"),
        (reply(301, Location="/rules"), "robots_disallowed"),
        ((DISALLOW.replace("/no/", "/") + "#" * 99 + "\n") + "# x\n" * 500_000, "robots_disallowed"),
    ],
)  # fmt: skip
def test_a_robots_txt_of_any_kind_is_obeyed_for_images(settings, robots, expected):
    paths = {"/robots.txt": robots, "/rules": "User-agent: *\nDisallow: /", "/a.png": picture(1)}
    with web_site(paths) as site:
        assert reasons(fetched(settings, [f"{site}/a.png"])) == ({"a.png": expected} if expected else {})


@pytest.mark.end_to_end
def test_a_host_whose_robots_txt_never_ends_holds_up_no_other(settings):
    shown = {f"/{number}.png": picture(number) for number in range(8)}
    with web_site({"/robots.txt": dribble}, host="127.0.0.3") as slow, web_site(shown) as site:
        urls = [f"{slow}/{number}.png" for number in range(40)] + [site + path for path in shown]
        images = fetched(settings, urls, LOCAL.model_copy(update={"threads": 2}))
    assert images.manifest().counts.rejected == {"robots_unavailable": 40}
    assert images.manifest().counts.rows_out == 8


def test_what_stands_on_the_opt_out_list_is_not_asked_for_nor_reached_by_a_redirect(settings, tmp_path):
    asked: list[str] = []
    with (
        web_site({"/a.png": picture(1)}, host="127.0.0.3", asked=asked) as listed,
        web_site(
            {"/b.png": picture(2), "/c.png": picture(3), "/d.png": reply(302, Location=f"{listed}/a.png")}
        ) as site,
    ):
        (tmp_path / "list.txt").write_text(f"127.0.0.3\n{site}/c.png\n")
        config = LOCAL.model_copy(update={"opt_out_list": str(tmp_path / "list.txt")})
        images = fetched(settings, [f"{listed}/a.png", *(f"{site}/{name}.png" for name in "bcd")], config)
    assert decisions(images) == {
        "a.png": "opt_out_list: 127.0.0.3",
        "b.png": "no_robots_txt",
        "c.png": "opt_out_list: the address",
        "d.png": "opt_out_list: 127.0.0.3",
    }
    assert asked == []


def test_an_opt_out_list_counts_by_its_content(tmp_path):
    def state(name: str, text: str) -> tuple[dict[str, object], str]:
        (tmp_path / name).write_text(text)
        config = Config(opt_out_list=str(tmp_path / name))
        return config.fingerprinted(), config.outside_state()

    assert state("a.txt", "example.com") == state("b.txt", "example.com")
    assert state("a.txt", "example.com") != state("a.txt", "example.org")
