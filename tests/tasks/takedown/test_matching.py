"""Rows match however their addresses are written, and nothing else does."""

import hashlib
import string

import pyarrow as pa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.crawl.sources.page import Page
from tasks.takedown.matching import Matcher
from tasks.takedown.takedowns import Takedown, takedown_of
from tasks.web.urls import url_key

LETTERS = "abcäß字-" + string.digits
labels = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: f"x{text.strip('-')}y")
domains = st.lists(labels, min_size=1, max_size=3).map(lambda found: ".".join([*found, "example"]))
paths = st.lists(st.text("ab c%é~+.", max_size=5), max_size=3).map(lambda found: "/" + "/".join(found))
queries = st.lists(st.tuples(st.sampled_from("abc"), st.text("xy é", max_size=3)), max_size=3)
few = hypothesis_settings(max_examples=30, deadline=None)


def matched(*named: str, **columns: list) -> dict[int, int]:
    return Matcher([takedown_of(each) for each in named]).matches(pa.table(columns))


@few
@given(domains, paths, queries)
def test_an_address_matches_what_the_crawl_makes_of_it(domain: str, path: str, query: list) -> None:
    url = f"https://{domain}{path.replace('%', '%25')}"
    url += "?" + "&".join(f"{name}={value}" for name, value in query) if query else ""
    crawled = Page("https://example.com/").resolve(url)
    assert matched(url, url=[crawled]) == {0: 0}
    assert matched(crawled, url=[url]) == {0: 0}


@few
@given(domains, paths)
def test_an_address_matches_itself_written_in_other_ways(domain: str, path: str) -> None:
    plain = Page("https://example.com/").resolve(f"https://{domain}{path.replace('%', '%25')}")
    host = plain.removeprefix("https://").split("/")[0]
    rest = plain.removeprefix(f"https://{host}")
    ways = [
        f"http://{host}{rest}",
        f"HTTPS://{host.upper()}{rest}",
        f"https://{host}.{rest}",
        f"https://{host}:443{rest}",
        f"http://{host}:80{rest}",
        f"https://ann:secret@{host}{rest}",
        f"https://{host}{rest}#top",
        f" https://{domain}{rest} ",
    ]
    assert matched(plain, url=ways) == dict.fromkeys(range(len(ways)), 0)
    assert matched(plain, url=[f"https://{host}:8443{rest}", f"https://{host}{rest}/x", f"https://y{host}{rest}"]) == {}


@few
@given(domains, labels, paths)
def test_a_domain_matches_its_hosts_and_those_in_it_and_no_other(domain: str, label: str, path: str) -> None:
    inside = [f"https://{domain}{path}", f"http://{label}.{domain.upper()}:8080{path}", f"https://a.{label}.{domain}"]
    ascii_host = domain.encode("idna").decode()
    inside += [f"https://{ascii_host}{path}", f"https://{label}.{ascii_host}.{path}"]
    outside = [
        f"https://{label}{domain}{path}",
        f"https://{domain}.{label}.org{path}",
        f"https://elsewhere.test/?from=https://{domain}/",
        f"https://{domain}@elsewhere.test/",
        f"folder:///{domain}/1.jpg",
        None,
    ]
    assert sorted(matched(domain, url=inside + outside)) == list(range(len(inside)))
    assert matched(f"{label}.{domain}", url=[f"https://{domain}{path}"]) == {}


@few
@given(st.text(max_size=30))
def test_any_text_in_a_table_can_be_compared(text: str) -> None:
    found = matched("https://a.test/1.jpg", "a.test", url=[text, f"https://{text}", f"https://b.test/{text}"])
    assert found == {} or "a.test" in url_key(f"https://{text}")


def test_a_row_matches_by_its_page_and_by_the_content_of_its_image() -> None:
    digest = hashlib.sha256(b"cat").hexdigest()
    columns = {
        "url": ["https://cdn.test/1.jpg", "https://cdn.test/2.jpg", "https://cdn.test/3.jpg"],
        "page_url": ["https://a.example/cats.html", "https://b.example/dogs.html", "https://c.example/"],
        "image": [b"dog", None, b"cat"],
    }
    assert matched("https://a.example/cats.html", url=columns["url"], page_url=columns["page_url"]) == {0: 0}
    assert matched("b.example", digest, **columns) == {1: 0, 2: 1}


def test_the_first_takedown_that_matches_counts_so_that_a_later_one_changes_nothing() -> None:
    columns = {"url": ["https://a.example/1.jpg", "https://b.a.example/2.jpg"], "image": [b"1", b"2"]}
    digest = hashlib.sha256(b"1").hexdigest()
    assert matched("https://a.example/1.jpg", "a.example", digest, **columns) == {0: 0, 1: 1}
    assert matched(digest, "b.a.example", "a.example", **columns) == {0: 0, 1: 1}


def test_a_row_matches_by_its_file_as_it_was_served_and_as_it_is_stored() -> None:
    served, stored = (hashlib.sha256(data).hexdigest() for data in (b"as it was served", b"as it is stored"))
    columns = {"original_sha256": ["0" * 64, served, None], "image": [b"as it is stored", b"stored too", None]}
    assert matched(served, **columns) == {1: 0}
    assert matched(stored, served, **columns) == {0: 0, 1: 1}


def test_a_record_that_was_edited_by_hand_is_compared_all_the_same() -> None:
    matcher = Matcher([Takedown(kind="domain", value="Bücher.EXAMPLE"), Takedown(kind="sha256", value="AB" * 32)])
    assert matcher.matches(pa.table({"url": ["https://www.xn--bcher-kva.example/1.jpg"]})) == {0: 0}


def test_images_are_read_only_to_compare_a_digest() -> None:
    known = ["image", "caption", "url", "page_url", "original_sha256"]
    assert Matcher([takedown_of("a.example")]).columns(known) == ["url", "page_url"]
    assert Matcher([takedown_of("ab" * 32)]).columns(known) == ["url", "page_url", "original_sha256", "image"]
    assert Matcher([takedown_of("ab" * 32)]).columns(known, images=False) == ["url", "page_url", "original_sha256"]
