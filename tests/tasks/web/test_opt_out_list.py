"""A domain on an opt-out list stands for all below it, an address for itself."""

import pytest

from tasks.errors import ConfigError
from tasks.web.opt_out_list import OptOutList
from tasks.web.refusals import RefusedError

LIST = """\ufeff# a comment
example.com
*.Artist.example.
müller.example

https://photos.example/a b.jpg?x=1
photos.example:8080/c.jpg
"""


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://example.com/a.png", "example.com"),
        ("https://IMG.example.com:8443/a.png", "example.com"),
        ("http://notexample.com/a.png", None),
        ("http://example.com.evil.net/a.png", None),
        ("http://www.artist.example./a.png", "artist.example"),
        ("http://xn--mller-kva.example/", "xn--mller-kva.example"),
        ("http://photos.example/a%20b.jpg?x=1#top", "the address"),
        ("http://photos.example:80/a b.jpg?x=1", "the address"),
        ("http://photos.example/a%20b.jpg?x=2", None),
        ("http://photos.example:8080/c.jpg", "the address"),
        ("http://photos.example/c.jpg", None),
    ],
)
def test_what_stands_on_the_list_is_refused_by_its_entry(tmp_path, url, entry):
    (tmp_path / "list.txt").write_text(LIST)
    listed = OptOutList.read(str(tmp_path / "list.txt"))
    if entry is None:
        listed.check(url)
        return
    with pytest.raises(RefusedError) as caught:
        listed.check(url)
    assert (caught.value.reason, caught.value.detail) == ("opt_out_list", entry)


@pytest.mark.parametrize("line", ["two words", "localhost", "http://", "a..b", "x" * 64 + ".com", "http://[bad/"])
def test_a_line_that_is_neither_a_domain_nor_an_address_is_named(line):
    with pytest.raises(ConfigError, match=r"^Line 2 of the list in fetch\.opt_out_list is neither"):
        OptOutList(["example.com", line])
