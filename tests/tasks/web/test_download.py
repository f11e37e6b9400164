"""A download is bounded in size and time, never contacts private hosts, and gives a reason when it fails."""

import gzip
import socket
import time
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.web import dribble, dribble_headers, reply, web_site

from tasks.web.addresses import is_public
from tasks.web.connection import Limits
from tasks.web.download import download, retried
from tasks.web.opt_out import header_directives, opt_out
from tasks.web.refusals import RefusedError

BOMB = gzip.compress(b"x" * 100_000)
GZIP_ERROR = "gzip: Error -3 while decompressing data: incorrect header check"
QUICK = Limits(timeout_s=0.5, deadline_s=1.0, max_bytes=1000, allow_private_hosts=True)


def refusal(url: str, limits: Limits = QUICK, trusted: bool = False) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        download(url, limits, trusted)
    return caught.value.reason, caught.value.detail


def test_a_body_arrives_whole():
    with web_site({"/a": reply(200, b"x" * 1000)}) as site:
        assert download(f"{site}/a", QUICK).body == b"x" * 1000


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(404), ("http_404", "HTTP 404")),
        (reply(410), ("http_404", "HTTP 410")),
        (reply(403), ("http_error", "HTTP 403")),
        (reply(500), ("server_error", "HTTP 500")),
        (reply(429), ("server_error", "HTTP 429")),
        (reply(200, b"x" * 1001), ("too_large", "1001 bytes")),
        (reply(200, b"x" * 10, length=20), ("interrupted", "10 of 20 bytes came")),
        (reply(200, b"x", X_Robots_Tag="noai, noimageai"), ("opted_out", "noai")),
        (reply(200, b"x", X_Robots_Tag="dalle-pipeline: noindex"), ("opted_out", "noindex")),
        (reply(200, b"x", tdm_reservation="1"), ("opted_out", "tdm-reservation")),
        (reply(302, Location="file:///etc/hostname"), ("bad_url", "file:///etc/hostname")),
        (reply(302, Location="/page"), ("too_many_redirects", "more than 5 redirects")),
        (reply(200, BOMB, Content_Encoding="gzip"), ("too_large", "more than 1000 bytes, inflated")),
        (reply(200, b"no gzip", Content_Encoding="gzip"), ("truncated", GZIP_ERROR)),
    ],
)  # fmt: skip
def test_every_wrong_response_has_a_reason(answer, expected):
    with web_site({"/page": answer}) as site:
        assert refusal(f"{site}/page") == expected


@pytest.mark.parametrize("answer", [dribble, dribble_headers])
def test_a_server_that_dribbles_is_cut_off_at_the_deadline(answer):
    with web_site({"/slow": answer}) as site:
        assert refusal(f"{site}/slow", Limits(0.5, 1.0, 10_000, True)) == ("timeout", "not done after 1 s")


def test_a_silent_server_is_given_up_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert refusal(f"http://127.0.0.1:{server.getsockname()[1]}/") == ("timeout", "silent for 0.5 s")


@pytest.mark.parametrize(
    ("status", "header", "pause_s"),
    [
        (503, {}, 0),
        (429, {}, 0),
        (500, {}, None),
        (503, {"Retry_After": "120"}, 120),
        (500, {"Retry_After": "7"}, 7),
        (503, {"Retry_After": "soon"}, 0),
        (503, {"Retry_After": "-1"}, 0),
        (503, {"Retry_After": "9" * 400}, 999_999_999),
        (503, {"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
    ],
)
def test_the_pause_that_a_busy_server_asks_for_is_known(status, header, pause_s):
    with web_site({"/a": reply(status, **header)}) as site, pytest.raises(RefusedError) as caught:
        download(f"{site}/a", QUICK)
    assert caught.value.pause_s == pause_s


def test_a_pause_can_be_asked_for_until_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with web_site({"/a": reply(503, Retry_After=date)}) as site, pytest.raises(RefusedError) as caught:
        download(f"{site}/a", QUICK)
    assert 60 < (caught.value.pause_s or 0) <= 100


def test_another_attempt_waits_as_long_as_the_server_asks_for_if_that_is_not_too_long():
    visits: list[float] = []

    def busy(handler):
        visits.append(time.monotonic())
        reply(503, Retry_After="1")(handler)

    with web_site({"/a": busy}) as site:
        for longest, asked in ((0.5, 1), (5.0, 3)):
            with pytest.raises(RefusedError, match="server_error"):
                retried(lambda: download(f"{site}/a", QUICK), 2, longest)
            assert len(visits) == asked
    assert visits[2] - visits[1] >= 1


def test_a_body_of_300_mb_is_refused_when_the_limit_is_reached():
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(300):
            handler.wfile.write(bytes(1_000_000))
            sent.append(1)

    with web_site({"/a": endless}) as site:
        limits = Limits(timeout_s=5, deadline_s=20, max_bytes=2_000_000, allow_private_hosts=True)
        assert refusal(f"{site}/a", limits) == ("too_large", "more than 2000000 bytes")
    assert len(sent) < 50


def test_a_port_without_a_server_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/")[0] == "unreachable"


@pytest.mark.parametrize(
    "url",
    ["", "image.png", "data:image/png;base64,AAAA", "javascript:void(0)", "file:///etc/hostname", "ftp://example.com/a",
     "http://", "http://[::1", "http://a b/", "http://" + "a" * 64 + ".com/", "//example.com/a.png"],
)  # fmt: skip
def test_an_address_that_is_no_web_address_is_refused(url):
    assert refusal(url)[0] == "bad_url"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"],
)
def test_private_hosts_are_refused_before_a_connection(host):
    assert refusal(f"http://{host}:1/x", Limits())[0] == "private_host"


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_a_trusted_url_may_be_private_but_not_the_target_of_its_redirect():
    with web_site({"/a": reply(200, b"x"), "/there": reply(302, Location="/a")}) as site:
        assert download(f"{site}/a", Limits(), trusted=True).body == b"x"
        assert refusal(f"{site}/there", Limits(), trusted=True)[0] == "private_host"


def test_only_a_trusted_address_may_be_a_file(tmp_path):
    file = tmp_path / "a é%.png"
    file.write_bytes(b"x")
    assert download(file.as_uri(), Limits(), trusted=True).body == b"x"
    assert refusal(file.as_uri(), Limits())[0] == "bad_url"
    assert refusal((tmp_path / "none.png").as_uri(), Limits(), trusted=True)[0] == "unreachable"


def test_a_body_that_the_server_compressed_is_decompressed():
    with web_site({"/a": reply(200, gzip.compress(b"hello"), Content_Encoding="gzip")}) as site:
        assert download(f"{site}/a", QUICK).body == b"hello"


def test_paths_with_spaces_and_letters_beyond_ascii_are_percent_encoded():
    with web_site({"/caf%C3%A9%20au%20lait?q=%C3%BC": reply(200, b"x")}) as site:
        assert download(f"{site}/café au lait?q=ü", QUICK).body == b"x"


@pytest.mark.parametrize(
    ("value", "directive"),
    [
        ("noai", "noai"),
        ("max-snippet:20, noimageai", "noimageai"),
        ("otherbot: nofollow, dalle-pipeline: noai", "noai"),
        ("dalle-pipeline: nofollow, otherbot: noai", None),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST", None),
        ("otherbot: noai", None),
        ("dalle-pipeline: noai", "noai"),
        ("NOAI", "noai"),
        ("none", "none"),
        ("all", None),
        ("", None),
    ],
)
def test_opt_out_headers(value, directive):
    headers = Message()
    headers["X-Robots-Tag"] = value
    assert opt_out(header_directives(headers)) == directive


@pytest.fixture
def certificate(tmp_path):
    """Certificate and key, in one file, for a server named localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    file = tmp_path / "localhost.pem"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(encoding) + private)
    return file


def test_https_works_and_checks_the_certificate(certificate, monkeypatch):
    with web_site({"/a": reply(200, b"x" * 900), "/slow": dribble}, certificate) as site:
        assert refusal(f"{site}/a") == ("unreachable", "SSLCertVerificationError")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert download(f"{site}/a", QUICK).body == b"x" * 900
        assert refusal(f"{site}/slow", Limits(0.5, 1.0, 10_000, True)) == ("timeout", "not done after 1 s")


def test_a_server_that_never_answers_the_handshake_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert refusal(f"https://127.0.0.1:{server.getsockname()[1]}/") == ("timeout", "silent for 0.5 s")
