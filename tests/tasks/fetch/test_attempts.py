"""A further attempt asks for what failed and may pass, and for nothing else; no row is lost or counted twice."""

from collections.abc import Callable

import pytest
from support.tables import artifact, reasons, rows
from support.web import picture, reply, web_site

from tasks.engine.artifact import Artifact
from tasks.fetch.config import Config
from tasks.fetch.stage import fetch

LOCAL = Config(allow_private_hosts=True, timeout_s=1, deadline_s=3, retries=0, urls_per_shard=4)


class Site:
    """A site whose images fail at first: what is asked for is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.recovered = False

    def paths(self) -> dict[str, Callable]:
        def failing(status: int, number: int):
            return lambda handler: (reply(200, picture(number)) if self.recovered else reply(status))(handler)

        paths = {f"/good{number}.png": reply(200, picture(number)) for number in range(5)}
        paths |= {f"/busy{number}.png": failing(500, 10 + number) for number in range(3)}
        return paths | {"/gone.png": failing(404, 20), "/broken.png": reply(500)}


@pytest.fixture
def site():
    """A site, its address, and the rows of a list of its images; two captions for some."""
    state = Site()
    with web_site(state.paths(), asked=state.asked) as address:
        urls = [address + path for path in state.paths()]
        listed = [{"url": url, "caption": f"{which} of {url[-9:]}"} for url in urls for which in ("one", "two")]
        yield state, listed


def kept(images) -> dict[str, bytes]:
    return {row["pair_id"]: row["image"] for row in rows(images, "images")}


def test_a_second_attempt_asks_only_for_what_may_pass(settings, site):
    state, listed = site
    captions = artifact("captions", settings, listed[:7], listed[7:])
    first = fetch(LOCAL, settings, captions=captions).artifact
    assert reasons(first) == {
        "gone.png": "http_404", "broken.png": "server_error", **{f"busy{n}.png": "server_error" for n in range(3)}
    }  # fmt: skip
    state.asked.clear()
    state.recovered = True
    second = fetch(LOCAL.model_copy(update={"attempt": 2}), settings, captions=captions).artifact

    assert {path for path in state.asked if path.endswith(".png")} == {
        "/broken.png",
        *(f"/busy{n}.png" for n in range(3)),
    }
    assert reasons(second) == {"gone.png": "http_404", "broken.png": "server_error"}
    assert kept(second).items() > kept(first).items()
    counts = second.manifest().counts
    assert (counts.rows_in, counts.rows_out, sum(counts.rejected.values())) == (20, 16, 4)
    every = [row["pair_id"] for kind in ("images", "rejects") for row in rows(second, kind)]
    assert sorted(every) == sorted(row["pair_id"] for row in rows(captions, "captions"))
    assert second.address != first.address


def test_an_attempt_whose_forerunner_is_missing_makes_that_first(settings, site):
    state, listed = site
    captions = artifact("captions", settings, listed)
    third = fetch(LOCAL.model_copy(update={"attempt": 3}), settings, captions=captions).artifact
    assert state.asked.count("/good0.png") == state.asked.count("/gone.png") == 1
    assert state.asked.count("/broken.png") == 3
    assert fetch(LOCAL, settings, captions=captions).reused
    assert third.manifest().counts.rows_in == 20


def test_an_attempt_with_nothing_to_ask_for_is_the_one_before(settings):
    with web_site({"/a.png": picture(1), "/b.png": b"no image"}) as site:
        captions = artifact("captions", settings, [{"url": f"{site}/{name}.png"} for name in "ab"])
        first = fetch(LOCAL, settings, captions=captions).artifact
    second = fetch(LOCAL.model_copy(update={"attempt": 2}), settings, captions=captions).artifact
    assert second.manifest().outputs == first.manifest().outputs
    assert second.manifest().counts == first.manifest().counts


def test_the_list_of_all_shards_is_not_read_again_for_each_of_them(settings, monkeypatch):
    with web_site({f"/{number}.png": picture(number) for number in range(4)}) as site:
        listed = [{"url": f"{site}/{number}.png"} for number in range(4)]
        read = [manifests_read_by_a_second_attempt(settings, monkeypatch, listed[:some]) for some in (2, 4)]
    assert read[0] == read[1]


def manifests_read_by_a_second_attempt(settings, monkeypatch, listed) -> int:
    """With a shard for each two rows."""
    captions = artifact("captions", settings, *(listed[start : start + 2] for start in range(0, len(listed), 2)))
    few = LOCAL.model_copy(update={"urls_per_shard": 2})
    fetch(few, settings, captions=captions)
    read: list[str] = []
    whole = Artifact.manifest
    with monkeypatch.context() as patch:
        patch.setattr(Artifact, "manifest", lambda self: (read.append(self.stage), whole(self))[1])
        fetch(few.model_copy(update={"attempt": 2}), settings, captions=captions)
    return len(read)
