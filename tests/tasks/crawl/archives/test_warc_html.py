"""An archived page is read as a live crawl reads it, by another parser; figures and JSON-LD can give the texts."""

import json
import random
import re
import time

import pytest
from support.fragments import HTML
from support.fuzzing import pieces

from tasks.crawl.archives import warc_html
from tasks.crawl.archives.warc_html import ALL_IMAGES, ImagesWanted, read_archived_page
from tasks.crawl.candidates import MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS
from tasks.crawl.sources import page as live
from tasks.crawl.sources.page import MAX_IMAGES, Page, read_page

URL = "http://example.com/a/page.html"
KIND = "text/html; charset=utf-8"


def archived(text: str, wanted: ImagesWanted = ALL_IMAGES) -> Page:
    return read_archived_page(URL, text.encode(), KIND, wanted)


def texts(text: str, **wanted: bool) -> list[tuple[str, str | None]]:
    return [(image.url, image.alt) for image in archived(text, ImagesWanted(**wanted)).images]


@pytest.mark.parametrize(
    "text",
    [
        "<img src=a.png alt=x>",
        "<IMG SRC=a.png ALT='x &amp; y'><p><img src=b.png alt><img alt=''>",
        "<img src=blank.gif data-src=real.png><img data-lazy-src=' b.png ' src=x>",
        "<img src=blank.gif data-srcset='small.png 320w, real.png 640w'><img srcset='a 1x,b 1.5x'>",
        "<img src='data:image/gif;base64,AA' data-src=real.png><img src='data:image/gif;base64,AA'>",
        "<picture><source srcset='b.png 2x, a.png 1x'><source srcset=c.png><img alt=x></picture><img>",
        "<picture><source data-srcset=b.png><img src=anything.jpg></picture>",
        "<picture><source srcset=b.png></picture><img src=placeholder.svg>",
        "<base href='/images/'><base href='/no/'><img src=a.png>",
        "<body><img src=a.png data-split=test><base href='/late/'>",
        "<meta name=robots content='noai noimageai'><meta name=dalle-pipeline content=noindex><img>",
        "<body><p><meta name=robots content=noai><META NAME=tdm-reservation CONTENT=1><img>",
        "<link rel='License nofollow' href=/l><a rel=license href=/later></a><img>",
        "<a href=x>y</a><a rel='x license' href=/l></a><img src=a.png>",
        "<noscript><img src=a.png alt=x></noscript><!-- <img src=no.png> --><script>'<img src=no.png>'</script>",
        "<img src=a.png alt='a\0b\ud800'>",
        "<table><img src=a.png><tr><td><img src=b.png>",
        "<p>no image <b>at all",
        "",
    ],
)
def test_the_same_is_read_as_by_a_live_crawl(text):
    body = text.encode(errors="replace")
    expected, found = read_page(URL, body, KIND), read_archived_page(URL, body, KIND, ImagesWanted())
    assert found.images == expected.images
    if expected.images:  # nothing else counts on a page without
        assert (found.base, found.licence, found.directives) == (expected.base, expected.licence, expected.directives)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "latin-1"])
def test_a_page_in_any_encoding_is_searched(encoding):
    kind = f"text/html; charset={encoding.removesuffix('-sig')}"
    found = read_archived_page(URL, "<ImG src=a.png alt=größer>".encode(encoding), kind, ImagesWanted())
    assert [image.alt for image in found.images] == ["größer"]


def test_a_page_without_images_is_not_parsed(monkeypatch):
    monkeypatch.setattr(warc_html, "LexborHTMLParser", lambda _: pytest.fail("parsed"))
    assert archived("<p>text<imaginary>").images == []
    assert texts("<p><script type=application/json>1</script>" * 99) == []


@pytest.mark.parametrize(
    ("figure", "alt"),
    [
        ("<figure><img src=a><figcaption>A <b>dog</b>\n in snow</figcaption></figure>", "A dog in snow"),
        ("<figure><figcaption>A dog</figcaption><a><div><img src=a alt=' '></div></a></figure>", "A dog"),
        ("<figure><img src=a alt=cat><figcaption>A dog</figcaption></figure>", "cat"),
        ("<figure><figure><img src=a></figure><figcaption>A dog</figcaption></figure>", None),
        ("<figure><figcaption>A dog</figcaption></figure><img src=a>", None),
        ("<figure><img src=a></figure>", None),
    ],
)
def test_the_caption_of_a_figure_is_the_text_of_an_image_without_one_where_that_is_wanted(figure, alt):
    assert texts(figure, figcaption=True) == [("a", alt)]
    assert archived("<figure><img src=a><figcaption>A dog</figcaption></figure>").images[0].alt is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"@type": "ImageObject", "contentUrl": "a.png", "caption": "a dog"}, [("a.png", "a dog")]),
        ({"@graph": [{"image": {"@type": ["Thing", "ImageObject"], "url": "a", "description": "b"}}]}, [("a", "b")]),
        ([{"@type": "ImageObject", "url": str(i), "caption": "x"} for i in range(2)], [("0", "x"), ("1", "x")]),
        ({"@type": "ImageObject", "url": "a"}, []),
        ({"@type": "ImageObject", "url": ["a"], "caption": {"a": "b"}}, []),
        ({"@type": "Article", "url": "a", "caption": "b"}, []),
        ({"@type": "ImageObject", "url": "a", "caption": "\ud83d!"}, [("a", "?!")]),
        (7, []),
    ],
)
def test_captioned_images_of_json_ld_are_images_of_the_page(value, expected):
    script = f"<script type='application/LD+json'>{json.dumps(value)}</script>"
    assert texts(script) == expected
    assert texts(script + "<img src=b alt=y>", json_ld=False) == [("b", "y")]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "nan", '{"a":' * 5000 + "1" + "}" * 5000])
def test_json_ld_that_cannot_be_read_leaves_the_images(text):
    assert texts(f"<script type='application/ld+json'>{text}</script><img src=a alt=x>") == [("a", "x")]


def test_texts_and_addresses_are_cut_and_images_beyond_the_limit_counted():
    caption = json.dumps({"@type": "ImageObject", "url": "a" * 5000, "caption": "b" * 20_000})
    (image,) = archived(f"<script type='application/ld+json'>{caption}</script>").images
    assert (len(image.url), len(image.alt or "")) == (MAX_URL_CHARACTERS + 1, MAX_ALT_CHARACTERS + 1)
    found = archived("<img>" * (MAX_IMAGES + 5))
    assert (len(found.images), found.images_beyond) == (MAX_IMAGES, 5)


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>" * 200_000,
        "<b id=1><p>" * 100_000,
        "<select>" + "<option><img>" * 80_000,
        "<img " + " ".join(f"a{i}" for i in range(200_000)) + ">",
    ],
    ids=["nested", "formatting", "select", "attributes"],
)
def test_a_page_that_would_take_a_tree_hours_takes_no_longer_than_others(hostile):
    begin = time.process_time()
    assert ("real.png", "x") in texts(f"<img src=real.png alt=x>{hostile}")
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://example.com",
        "https://e.example/a//b/../c?d=/e",
        "http://localhost:80/x/",
        "http://Größe.example/ü/",
        "file:///a/b",
        "",
        "http://[bad/",
    ],
)
@pytest.mark.parametrize(
    "base", [None, "/images/", "//cdn.example/x/y", "https://b.example", "?a", "#", "data:x", "http://[bad/"]
)
def test_plain_addresses_become_absolute_as_all_others_do(url, base):
    """Most addresses take a short way, which must lead to the same."""
    chance = random.Random(f"{url} {base}")
    bits = [
        "/",
        "a",
        "b.png",
        "..",
        ".",
        "?",
        "=",
        "&",
        "#",
        "http:",
        "https://",
        "e.example",
        "//",
        "-",
        "~",
        "%20",
        "_",
        " ",
        "ü",
        ":",
    ]
    plain = 0
    for _ in range(1000):
        reference = "".join(chance.choices(bits, k=chance.randint(1, 6)))
        found = Page(url, base)
        plain += live.PLAIN.fullmatch(reference) is not None
        assert found.resolve(reference) == found._resolve(reference), reference
    assert plain > 20


def test_a_large_page_without_a_huge_tag_is_read_as_a_tree():
    """Such as one with its data in a script: JSON has no > in it."""
    script = f"<script>{json.dumps(['x' * 50] * 4000)}</script>"
    figure = "<figure><img src=a><figcaption>A dog</figcaption></figure>"
    assert texts(script + figure, figcaption=True) == [("a", "A dog")]


def test_any_bytes_are_a_page_or_in_no_encoding_of_the_web():
    chance = random.Random(0)
    for _ in range(300):
        body = pieces(chance, HTML, 60)
        try:
            found = read_archived_page(URL, body, chance.choice((KIND, "text/html")), ImagesWanted(figcaption=True))
        except LookupError:
            continue
        for image in found.images:
            assert len(found.resolve(image.url).encode()) is not None
            assert len((image.alt or "").encode()) is not None
            assert not re.search("\0", image.url)


def test_an_attribute_without_a_value_is_empty() -> None:
    found = read_archived_page(URL, b"<img alt src=a.png data-split><img alt=b src data-src=b.png>", KIND, ALL_IMAGES)
    assert [(image.url, image.alt, image.split) for image in found.images] == [
        ("a.png", "", None),
        ("b.png", "b", None),
    ]


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "text/html; charset=utf-7", "text/html; charset=hz", "text/html"]
)
def test_pages_of_ascii_read_as_their_encoding_has_them(kind: str) -> None:
    body = b"<img src=a.png alt='+AOk- ~{VP~} a\0b'>"
    assert read_archived_page(URL, body, kind, ALL_IMAGES).images == read_page(URL, body, kind).images
