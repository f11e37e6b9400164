"""What is read from a page: the image a browser shows, and no more than the limits allow."""

import time

import pytest

from tasks.crawl.candidates import MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS
from tasks.crawl.sources.page import MAX_IMAGES, MAX_LINKS, PageTooDeepError, read_page

URL = "http://example.com/a/page.html"


def page(text: str):
    return read_page(URL, text.encode(), "text/html; charset=utf-8")


def images(text: str) -> list[str]:
    found = page(text)
    return [found.resolve(image.url) if image.url else "" for image in found.images]


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        ("<img src=real.png>", "real.png"),
        ("<img src=blank.gif data-src=real.png>", "real.png"),
        ("<img src=photo.jpg data-src=real.png>", "real.png"),
        ("<img src='data:image/gif;base64,AA' data-src=' real.png '>", "real.png"),
        ("<img src=blank.gif data-lazy-src=real.png>", "real.png"),
        ("<img src=blank.gif data-srcset='small.png 320w, real.png 640w'>", "real.png"),
        ("<img src=blank.gif data-src='' srcset='real.png 2x, small.png'>", "real.png"),
        ("<img srcset='real.png'>", "real.png"),
        ("<img srcset='small.png 1x,real.png 1.5x'>", "real.png"),
        ("<img srcset='w_1,h_2/real.png 2x, small.png 1x'>", "w_1,h_2/real.png"),
        ("<img src=real.png srcset='small.png 1x, large.png 2x'>", "real.png"),
        ("<picture><source srcset='real.png 2x, small.png 1x'><img alt=x></picture>", "real.png"),
        ("<picture><source srcset=real.png><img src=/assets/placeholder.svg></picture>", "real.png"),
        ("<picture><source data-srcset=real.png><img src=anything.jpg></picture>", "real.png"),
        ("<picture><source srcset=other.avif><img src=real.png></picture>", "real.png"),
        ("<picture><source srcset=other.png></picture><img src=real.png>", "real.png"),
        ("<img src=pixel.png>", "pixel.png"),
    ],
)
def test_the_address_is_that_of_the_image_a_browser_shows(element, shown):
    assert images(element) == [f"http://example.com/a/{shown}"]


@pytest.mark.parametrize("tag", ["div", "b", "table", "span", "svg"])
def test_an_image_in_200000_nested_elements_is_found(tag):
    assert images(f"<{tag}>" * 200_000 + "<img src=a.png>") == ["http://example.com/a/a.png"]


@pytest.mark.parametrize("start", ["", "<x>"])
def test_a_page_whose_end_tags_are_sought_among_too_many_open_elements_is_refused_at_once(start):
    """Its parser looks through all open elements at each end tag: minutes for a page of 10 MB."""
    began = time.thread_time()
    with pytest.raises(PageTooDeepError, match=r"^end tags among \d+ open elements$"):
        page(start + "<div></x>" * 1_000_000)
    assert time.thread_time() - began < 20


def test_a_deep_page_that_closes_its_elements_is_read():
    depth = 10_000
    assert images("<div>" * depth + "<img src=a.png>" + "</div>" * depth) == ["http://example.com/a/a.png"]


def test_a_page_of_too_many_links_and_images_is_cut_and_counted():
    found = page("<a href=x>" * (MAX_LINKS + 7) + "<img src=x>" * (MAX_IMAGES + 5))
    assert (len(found.links), found.links_beyond) == (MAX_LINKS, 7)
    assert (len(found.images), found.images_beyond) == (MAX_IMAGES, 5)


def test_texts_and_addresses_of_megabytes_are_cut_where_they_are_read():
    (image,) = page(f"<img src='{'a' * 4_500_000}' alt='{'b' * 4_500_000}' data-split='{'c' * 4_500_000}'>").images
    assert image.split is None
    assert (len(image.url), len(image.alt)) == (MAX_URL_CHARACTERS + 1, MAX_ALT_CHARACTERS + 1)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("https://user:secret@example.com/a.png", "https://example.com/a.png"),
        ("//user:secret@example.com/a.png", "http://example.com/a.png"),
        ("http://user:se@cret@[bad/a.png", "http://[bad/a.png"),
        ("http://user:secret@example.com:x/a.png", "http://example.com:x/a.png"),
        ("http:\\\\user:secret@example.com/a", "http:\\\\example.com/a"),
        ("/@user/a.png", "http://example.com/@user/a.png"),
    ],
)
def test_credentials_are_taken_out_of_addresses(reference, url):
    assert "secret" not in (found := images(f"<img src='{reference}'>")[0])
    if "\\" not in reference:
        assert found == url


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<meta name=robots content='noai noimageai'>", {"noai", "noimageai"}),
        ("<META NAME=Robots CONTENT='NOAI, nofollow'>", {"noai", "nofollow"}),
        ("<meta name=dalle-pipeline content=noai>", {"noai"}),
        ("<meta name=otherbot content=noai>", set()),
        ("<meta name=tdm-reservation content=1>", {"tdm-reservation"}),
        ("<meta name=tdm-reservation content=0>", set()),
        ("<meta name=robots>", set()),
    ],
)
def test_directives_of_meta_elements(head, expected):
    assert page(f"<head>{head}</head>").directives == expected


@pytest.mark.parametrize(
    ("element", "split"),
    [
        ("<img src=a data-split=validation>", "validation"),
        ("<img src=a DATA-SPLIT=' Held-Out '>", "validation"),
        ("<img src=a data-split=train>", "train"),
        ("<img src=a data-split=yes>", None),
        ("<img src=a data-split>", None),
        ("<div data-split=validation><img src=a></div>", None),
    ],
)
def test_an_image_is_in_the_split_that_its_element_names_if_that_is_one(element, split):
    assert [image.split for image in page(element).images] == [split]


def test_addresses_are_relative_to_the_base_element():
    assert images("<base href='/images/'><base href='/no/'><img src=a.png>") == ["http://example.com/images/a.png"]


@pytest.mark.parametrize("body", [b"", b"\0", b"<", b"\xff\xfe<\0i\0m\0g\0", b"<img", b"<!DOCTYPE", b"\x1f\x8b" * 99])
def test_bytes_that_are_no_page_are_a_page_without_images(body):
    assert read_page(URL, body, "text/html").links == []


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "raw-unicode-escape", "undefined"])
@pytest.mark.parametrize("declared", ["header", "page"])
def test_an_encoding_that_is_of_python_and_not_of_the_web_is_not_obeyed(charset, declared):
    text = f"<meta charset={charset}><img src=a.png alt='a caf\u00e9 \\u0041'>"
    found = read_page(URL, text.encode(), f"text/html; charset={charset}" if declared == "header" else "text/html")
    assert found.images == [("a.png", "a caf\u00e9 \\u0041", None)]


def test_a_large_page_that_claims_to_be_punycode_takes_no_more_time_than_another():
    """Python's decoder of punycode takes quadratic time: hours for the 10 MB that a page may have."""
    found = read_page(URL, b"<img src=a.png>-" + b"9" * 5_000_000, "text/html; charset=punycode")
    assert [image.url for image in found.images] == ["a.png"]
