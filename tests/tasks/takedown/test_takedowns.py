"""What a person names is understood, however it is written."""

import pytest

from tasks.errors import ConfigError
from tasks.takedown.takedowns import Takedown, takedown_of

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        (" https://example.org/a b.jpg ", "url", "https://example.org/a b.jpg"),
        ("https://ann:secret@example.org/cat.jpg", "url", "https://example.org/cat.jpg"),
        ("folder:///cats/1.jpg", "url", "folder:///cats/1.jpg"),
        ("cc3m:///list.tsv#line%203", "url", "cc3m:///list.tsv#line%203"),
        (DIGEST, "sha256", DIGEST),
        (f"SHA256:{DIGEST.upper()}", "sha256", DIGEST),
        ("Example.ORG.", "domain", "example.org"),
        ("*.example.org", "domain", "example.org"),
        ("bücher.example", "domain", "xn--bcher-kva.example"),
        ("127.0.0.1", "domain", "127.0.0.1"),
        ("[::1]", "domain", "::1"),
    ],
)
def test_addresses_digests_and_domains_are_told_apart(written: str, kind: str, value: str) -> None:
    assert takedown_of(written) == Takedown.model_validate({"kind": kind, "value": value})


@pytest.mark.parametrize(
    "written",
    [
        "",
        "com",
        "two words",
        "example.org/cat.jpg",
        "cat.jpg:80",
        "-a.org",
        "a..org",
        "abcdef",
        DIGEST[:-1],
        "a" * 3000,
    ],
)
def test_what_is_nothing_of_that_is_one_sentence(written: str) -> None:
    with pytest.raises(ConfigError, match=r"^'.*' cannot be taken down: name an address .* or a domain") as raised:
        takedown_of(written)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("written", ["https://", "https:///cat.jpg", "folder:///", "http://[bad/cat.jpg"])
def test_half_an_address_is_one_sentence(written: str) -> None:
    with pytest.raises(ConfigError, match="is no whole address: name an address"):
        takedown_of(written)
