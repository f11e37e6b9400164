"""Every URL becomes an image or a reject with its reason, whatever lies behind it."""

import io

import psutil
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from support.processes import children_running
from support.tables import artifact, reasons, rows
from support.web import dribble, picture, reply, web_site

from tasks.crawl.config import Config as CrawlConfig
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.stage import crawl
from tasks.engine import storage
from tasks.errors import SourceError
from tasks.fetch.config import Config
from tasks.fetch.fetched import CHILD
from tasks.fetch.image_files import is_cut, read_header
from tasks.fetch.stage import batches, fetch, read_batch
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_captions

LOCAL = Config(
    allow_private_hosts=True, timeout_s=0.5, deadline_s=1.0, retries=0, max_bytes=100_000, max_pixels=1_000_000
)


def fetched(settings, paths, config=LOCAL):
    """The artifact made of all `paths` of a small site."""
    with web_site(paths) as site:
        return fetch(
            config, settings, captions=artifact("captions", settings, [{"url": site + path} for path in paths])
        ).artifact


def decoded(row) -> Image.Image:
    return Image.open(io.BytesIO(row["image"]))


def test_images_of_all_formats_are_stored_as_jpeg_with_the_size_they_were_served_in(settings):
    formats = {"/a.png": "PNG", "/b.jpg": "JPEG", "/c.webp": "WEBP", "/d.bmp": "BMP"}
    images = fetched(settings, {path: picture(1, (90, 70), name) for path, name in formats.items()})
    assert reasons(images) == {}
    for row in rows(images, "images"):
        assert (row["width"], row["height"], decoded(row).format, decoded(row).size) == (90, 70, "JPEG", (90, 70))


def test_a_large_image_is_stored_with_its_shortest_side_reduced_and_the_digest_of_its_file(settings):
    served = picture(1, (600, 400), "JPEG")
    (row,) = rows(fetched(settings, {"/a.png": served}), "images")
    assert row["original_sha256"] == storage.sha256(served)
    assert (row["width"], row["height"], decoded(row).size) == (600, 400, (576, 384))


def test_photographs_are_stored_upright(settings):
    sideways = Image.new("RGB", (90, 60), "blue")
    sideways.paste("red", (0, 0, 30, 60))
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise by a quarter
    sideways.save(buffer, "JPEG", exif=exif)
    (row,) = rows(fetched(settings, {"/a.jpg": buffer.getvalue()}), "images")
    assert (row["width"], row["height"]) == (60, 90)
    red, _, blue = decoded(row).getpixel((30, 5))
    assert red > 200 > 50 > blue


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_transparency_becomes_white(settings, image_format):
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(buffer, image_format)
    (row,) = rows(fetched(settings, {"/a": buffer.getvalue()}), "images")
    assert decoded(row).convert("RGB").getpixel((32, 32)) == (255, 255, 255)


def test_what_is_no_good_image_is_rejected_with_its_reason(settings):
    good, png = picture(1, (200, 200), "JPEG"), picture(1)
    bomb = io.BytesIO()
    Image.new("1", (1500, 1500)).save(bomb, "PNG")
    answers = {
        "/gone": (reply(404), "http_404"),
        "/broken": (reply(500), "server_error"),
        "/forbidden": (reply(403), "http_error"),
        "/round": (reply(302, Location="/round"), "too_many_redirects"),
        "/file": (reply(302, Location="file:///etc/hostname"), "bad_url"),
        "/page": (reply(200, "<!doctype html><p>Hello"), "not_an_image"),
        "/empty": (reply(200, b""), "not_an_image"),
        "/noise": (reply(200, bytes(range(256))), "not_an_image"),
        "/half": (good[: len(good) // 2], "truncated"),
        "/dropped": (reply(200, good[:100], length=len(good)), "interrupted"),
        "/artist": (reply(200, good, X_Robots_Tag="noai"), "opted_out"),
        "/reserved": (reply(200, good, tdm_reservation="1"), "opted_out"),
        "/slow": (dribble, "timeout"),
        "/heavy": (reply(200, b"x" * 100_001), "too_large"),
        "/bomb": (bomb.getvalue(), "too_large"),
        "/scrambled": (png[:50] + bytes(len(png) - 80) + png[-30:], "undecodable"),
        "/good": (good, None),
    }
    images = fetched(settings, {path: answer for path, (answer, _) in answers.items()})
    expected = {path[1:]: reason for path, (_, reason) in answers.items() if reason}
    assert reasons(images) == expected
    assert images.manifest().counts.rows_in == len(answers)


def test_private_hosts_are_refused_unless_allowed(settings):
    refused = fetched(settings, {"/a.png": picture()}, LOCAL.model_copy(update={"allow_private_hosts": False}))
    assert reasons(refused) == {"a.png": "private_host"}


@pytest.mark.parametrize("source", ["https://example.com/", "http://folder/", "http://demo/"])
def test_no_crawled_page_can_make_the_pipeline_read_a_local_file(settings, tmp_path, source):
    (tmp_path / "secret.png").write_bytes(picture())
    rows_in = [{"url": (tmp_path / "secret.png").as_uri(), "source": source}]
    images = fetch(LOCAL, settings, captions=artifact("captions", settings, rows_in)).artifact
    assert reasons(images) == {"secret.png": "bad_url"}


def test_a_passing_error_is_tried_again(settings):
    visits = []

    def busy_once(handler):
        visits.append(1)
        (reply(503) if len(visits) == 1 else reply(200, picture()))(handler)

    images = fetched(settings, {"/a.png": busy_once}, LOCAL.model_copy(update={"retries": 1, "deadline_s": 5.0}))
    assert reasons(images) == {}
    assert len(visits) == 2


def test_batches_cover_every_row_once_and_mix_the_shards(settings):
    shards = [
        [{"url": f"https://host{shard}/{row}.png"} for row in range(count)] for shard, count in enumerate((7, 0, 5, 30))
    ]
    captions = artifact("captions", settings, *[shard for shard in shards if shard])
    found = [read_batch(batch)["url"].to_pylist() for batch in batches(captions, 10)]
    assert sorted(url for urls in found for url in urls) == sorted(row["url"] for shard in shards for row in shard)
    assert max(map(len, found)) <= 10
    assert any(len({url.split("/")[2] for url in urls}) > 1 for urls in found)


def test_an_image_with_several_captions_is_asked_for_once(settings):
    visits = []

    def counted(handler):
        visits.append(handler.path)
        reply(200, picture(1))(handler)

    with web_site({"/dog.png": counted, "/cat.png": counted}) as site:
        rows_in = [
            {"url": f"{site}/{name}.png", "caption": f"a {name} is seen for the {number}. time"}
            for name in ("dog", "cat")
            for number in range(5)
        ]
        captions = artifact("captions", settings, rows_in)
        images = fetch(LOCAL.model_copy(update={"urls_per_shard": 5}), settings, captions=captions).artifact
    assert sorted(visits) == ["/cat.png", "/dog.png"]
    assert {row["caption"] for row in rows(images, "images")} == {row["caption"] for row in rows_in}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_no_cut_file_counts_as_whole(image_format):
    whole = picture(3, (120, 90), image_format)
    assert not is_cut(whole)
    assert read_header(whole) is not None
    for length in range(16, len(whole) - 8, max(1, len(whole) // 50)):
        assert is_cut(whole[:length]) or read_header(whole[:length]) is None


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image():
    thumbnail, whole = picture(1, (16, 16), "JPEG"), picture(2, (200, 200), "JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    nested = whole[:2] + segment + whole[2:]
    assert not is_cut(nested)
    assert is_cut(nested[: len(nested) - 50])


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.binary(max_size=50).map(lambda tail: picture(1, (20, 20))[:60] + tail),
            st.integers(0, 300).map(lambda cut: picture(2, (20, 20), "JPEG")[:-cut]),
            st.sampled_from([b"RIFF\x00\x00\x00\x00WEBP", b"GIF89a;", b"\xff\xd8\xff\xd9", b"BM" + bytes(60)]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_bytes_are_an_image_or_a_reject(settings, bodies):
    paths = {f"/{number}": reply(200, body) for number, body in enumerate(bodies)}
    counts = fetched(settings, paths).manifest().counts
    assert counts.rows_in == len(bodies)
    assert counts.rows_out + sum(counts.rejected.values()) == len(bodies)


def test_fetch_reads_a_crawled_folder(settings, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "dog.png").write_bytes(picture(1))
    (folder / "dog.txt").write_text("a dog sleeps in the garden")
    candidates = crawl(CrawlConfig(sources=(FolderSource(path=str(folder)),)), settings).artifact
    captions = screen_captions(CaptionsConfig(), settings, candidates=candidates).artifact
    (row,) = rows(fetch(Config(), settings, captions=captions).artifact, "images")
    assert (row["caption"], row["width"]) == ("a dog sleeps in the garden", 80)


def test_a_folder_that_was_moved_after_the_crawl_is_one_sentence(settings, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "dog.png").write_bytes(picture(1))
    (folder / "dog.txt").write_text("a dog sleeps in the garden")
    candidates = crawl(CrawlConfig(sources=(FolderSource(path=str(folder)),)), settings).artifact
    captions = screen_captions(CaptionsConfig(), settings, candidates=candidates).artifact
    folder.rename(tmp_path / "moved")
    with pytest.raises(
        SourceError, match=r"pictures was crawled, but has been moved or changed since: put it back, or "
    ):
        fetch(Config(), settings, captions=captions)


@pytest.mark.end_to_end
def test_the_same_work_gives_the_same_bytes_whatever_the_workers(settings):
    paths = {f"/{number}.png": picture(number) for number in range(12)} | {"/bad.png": b"no image"}
    with web_site(paths) as site:
        captions = artifact("captions", settings, [{"url": site + path} for path in paths])
        config = LOCAL.model_copy(update={"urls_per_shard": 5})
        here = fetch(config, settings, captions=captions).artifact.manifest()
        there = settings.model_copy(update={"root": settings.root + "2", "dask_workers": 2})
        rebuilt = artifact("captions", there, [{"url": site + path} for path in paths])
        spread = fetch(config, there, captions=rebuilt).artifact.manifest()
    assert here.outputs == spread.outputs
    assert here.counts == spread.counts


def test_a_host_that_answers_503_is_given_the_pause_it_asks_for_and_no_more_than_the_deadline(settings):
    visits: list[str] = []

    def busy(seconds: int):
        def answer(handler):
            visits.append(handler.path)
            first = visits.count(handler.path) == 1
            (reply(503, Retry_After=str(seconds)) if first else reply(200, picture(1)))(handler)

        return answer

    config = LOCAL.model_copy(update={"retries": 1, "deadline_s": 5.0})
    with web_site({"/a.png": busy(1)}) as soon, web_site({"/b.png": busy(600), "/c.png": busy(600)}) as late:
        urls = [f"{soon}/a.png", f"{late}/b.png", f"{late}/c.png"]
        captions = artifact("captions", settings, [{"url": url} for url in urls])
        images = fetch(config, settings, captions=captions).artifact
    assert images.manifest().counts.rows_out == 1
    assert images.manifest().counts.rejected == {"host_given_up": 1, "server_error": 1}
    assert sorted(visits)[:2] == ["/a.png", "/a.png"]
    assert len(visits) == 3


@pytest.mark.end_to_end
def test_a_worker_that_is_killed_loses_no_row_and_counts_none_twice(settings):
    """Dask gives the shards of a dead worker to another; the images of those that were finished are there."""
    killed = []

    def kill_a_worker(handler):
        if not killed:
            [child] = [found for found in children_running(CHILD) if handler.client_address[1] in ports_of(found)]
            killed.append(child.parent())
            killed[0].kill()
        reply(200, picture(1))(handler)

    paths = {f"/{number}.png": picture(number) for number in range(12)} | {"/5.png": kill_a_worker}
    with web_site(paths) as site:
        spread = settings.model_copy(update={"dask_workers": 2})
        captions = artifact("captions", spread, [{"url": site + path} for path in paths])
        config = LOCAL.model_copy(update={"urls_per_shard": 3, "timeout_s": 20, "deadline_s": 30})
        images = fetch(config, spread, captions=captions).artifact
    assert killed
    assert sorted(row["url"] for row in rows(images, "images")) == sorted(site + path for path in paths)
    assert images.manifest().counts.rows_in == 12


def ports_of(process: psutil.Process) -> set[int]:
    return {connection.laddr.port for connection in process.net_connections() if connection.laddr}
