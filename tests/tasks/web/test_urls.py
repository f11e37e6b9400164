"""Each way to write the same address, host or domain has one key."""

import pyarrow as pa
import pytest

from tasks.web.urls import domain_of, host_in, hosts, url_key

SAME = "//xn--bcher-kva.example/a%20b.jpg?x=1&y=%C3%A9"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://bücher.example/a b.jpg?x=1&y=é", SAME),
        (" HTTP://XN--BCHER-KVA.example.:80/a%20b.jpg?y=%c3%a9&x=1#top", SAME),
        ("https://ann:secret@bücher.example:443/a%20b.jpg?y=é&x=1", SAME),
        ("https://a.example", "//a.example/"),
        ("https://a.example:8443/", "//a.example:8443/"),
        ("http://[::1]:8080/a.jpg", "//[::1]:8080/a.jpg"),
        ("folder:///a b.jpg", "folder:///a b.jpg"),
        ("https://a.example:no/", "https://a.example:no/"),
        ("http://", "http://"),
    ],
)
def test_a_url_has_one_key_however_it_is_written(url: str, key: str) -> None:
    assert url_key(url) == key


def test_the_host_of_a_url_and_of_its_key_is_the_same() -> None:
    urls = ["http://u@p@WWW.Bücher.example.:80/", "http://[::1]:80/a", "folder:///a/b.jpg", "http://[bad/", "text"]
    expected = ["www.xn--bcher-kva.example", "::1", "", "", ""]
    assert [host_in(url) for url in urls] == [host_in(url_key(url)) for url in urls] == expected
    written = [" http://u@p@WWW.Bücher.example.", "[::1]", "", "[bad", None]
    assert hosts(pa.array(urls)).to_pylist() == [each and each.rsplit("@", 1)[-1] for each in written]


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("*.Bücher.example.", "xn--bcher-kva.example"),
        (".a_b-.example", "a_b-.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        *((text, None) for text in ("", "com", "two words.com", "-a.org", "a..org", "a.org/b", f"{'x' * 64}.org")),
    ],
)
def test_a_domain_is_told_from_what_is_none(text: str, domain: str | None) -> None:
    assert domain_of(text) == domain
