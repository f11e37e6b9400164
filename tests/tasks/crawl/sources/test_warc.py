"""What is read out of archives: the images of their pages, by the rules of a live crawl, whatever is damaged."""

import gzip
import io
import random
import tracemalloc

import pytest
from support.archives import around, members, page, record, wat
from support.mutations import mutated

from tasks.crawl.candidates import Reference
from tasks.crawl.sources import warc
from tasks.crawl.sources.warc import ArchiveReport, archives, references
from tasks.crawl.sources.warc_html import ALL_IMAGES, ImagesWanted
from tasks.errors import SourceError, StorageError


def read(data: bytes, wanted: ImagesWanted = ALL_IMAGES) -> tuple[list[Reference], ArchiveReport]:
    report = ArchiveReport()
    return list(references(io.BytesIO(data), report, wanted)), report


def urls(data: bytes) -> list[str]:
    return [reference.url for reference in read(data)[0]]


def numbered(count: int, size: int = 3000) -> list[bytes]:
    """Records of pages with one image each, 0.png, 1.png, …; `size` bytes that do not compress well."""
    chance = random.Random(0)
    texts = [chance.randbytes(size // 2).hex() for _ in range(count)]
    return [page(f"http://a.example/{i}", f"<p>{text}<img src={i}.png alt=x>") for i, text in enumerate(texts)]


def images_but(*missing: int, count: int = 9) -> list[str]:
    return [f"http://a.example/{i}.png" for i in range(count) if i not in missing]


def test_a_reference_holds_all_that_a_live_crawl_reads_from_a_page():
    html = (
        "<base href=/images/><link rel=license href=/licence><meta name=robots content=noai>"
        "<img src=a.png alt='a dog' data-split=validation><img src=b.png>"
    )
    found, report = read(b"".join(members(page("http://a.example/page", html))))
    at, licence = "http://a.example/page", "http://a.example/licence"
    assert found == [
        Reference("http://a.example/images/a.png", "a dog", at, licence, "noai", "validation"),
        Reference("http://a.example/images/b.png", None, at, licence, "noai", None),
    ]
    assert (report.records, report.pages, report.damage.count) == (1, 1, 0)


@pytest.mark.parametrize(
    "header", ["X-Robots-Tag: noai", "x-robots-tag: a: noindex, dalle-pipeline: noai", "TDM-Reservation: 1"]
)
def test_a_header_opts_a_page_out(header):
    (reference,), _ = read(page("http://a.example/", "<img src=a.png alt=x>", header))
    assert reference.opted_out is not None


def test_only_pages_that_were_found_are_read():
    image = "<img src=a.png alt=x>"
    records = [
        page("http://a.example/404", image, status="404 Not Found"),
        page("http://a.example/moved", image, status="301 Moved"),
        page("http://a.example/a.txt", image, kind="text/plain"),
        *around("http://a.example/"),
        record("warcinfo", "", b"software: x\r\n", "application/warc-fields"),
        record("response", "dns:a.example", b"20260101 a.example. IN A 1.2.3.4", "text/dns"),
        page("http://a.example/yes", image, kind="application/xhtml+xml"),
        page("http://a.example/untyped", image, kind=""),
    ]
    found, report = read(b"".join(members(*records)))
    assert [reference.page_url for reference in found] == ["http://a.example/yes", "http://a.example/untyped"]
    assert (report.records, report.pages) == (len(records), 2)


def test_a_body_that_its_server_compressed_or_cut_into_chunks_is_read():
    html = b"<img src=a.png alt=x>"
    records = [
        page("http://a.example/1", gzip.compress(html), "Content-Encoding: gzip"),
        page("http://a.example/2", b"%x\r\n%b\r\n0\r\n\r\n" % (len(html), html), "Transfer-Encoding: chunked"),
    ]
    assert len(urls(b"".join(members(*records)))) == 2


def test_a_page_in_an_encoding_that_it_does_not_have_fails_alone():
    bad = page("http://a.example/bad", "<img src=bad.png>", "Content-Encoding: gzip")
    records = numbered(4)
    found, report = read(b"".join(members(records[0], bad, *records[1:])))
    assert [reference.url for reference in found] == images_but(count=4)
    assert (report.pages_failed, report.damage.count, report.records) == (1, 0, 5)


@pytest.mark.parametrize(
    "write", [members, lambda *records: records, lambda *records: [gzip.compress(b"".join(records))]]
)
def test_gzip_members_plain_records_and_one_member_for_all_are_read_alike(write):
    for size, count in ((100, 9), (150_000, 3)):
        found, report = read(b"".join(write(*numbered(count, size))))
        assert [reference.url for reference in found] == images_but(count=count)
        assert report.damage.count == 0


def _flipped(member: bytes, at: int) -> bytes:
    return member[:at] + bytes([member[at] ^ 0x15]) + member[at + 1 :]


@pytest.mark.parametrize(("size", "count"), [(3000, 5), (150_000, 3)])
@pytest.mark.parametrize(
    "damage",
    [
        lambda member: _flipped(member, 1),
        lambda member: _flipped(member, len(member) // 2),
        lambda member: _flipped(member, len(member) * 9 // 10),
        lambda member: _flipped(member, len(member) - 6),
        lambda member: member[: len(member) // 2],
        lambda member: member[:-3],
        lambda member: b"\x1f\x8b\x08" * (len(member) // 3),
        lambda member: gzip.compress(b"no record at all"),
        lambda member: gzip.compress(gzip.decompress(member).replace(b"WARC/1.0", b"WXRC/1.0", 1)),
        lambda member: gzip.compress(
            gzip.decompress(member).replace(b"\r\nContent-Length: ", b"\r\nContent-Length: 9", 1)
        ),
        lambda member: gzip.compress(
            gzip.decompress(member).replace(b"\r\nContent-Length: ", b"\r\nContent-Length: 0", 1)[:-9]
        ),
    ],
    ids=[
        "magic",
        "middle",
        "late",
        "checksum",
        "cut",
        "no end",
        "magics",
        "no record",
        "no WARC",
        "too long",
        "too short",
    ],
)
def test_a_damaged_member_is_lost_alone(size, count, damage):
    """Also where the reader of records gave out all its content before it met the damage."""
    whole = members(*numbered(count, size))
    for place in (0, 1, count - 1):
        archive = [*whole[:place], damage(whole[place]), *whole[place + 1 :]]
        found, report = read(b"".join(archive))
        assert [reference.url for reference in found] == images_but(place, count=count)
        assert (report.damage.count, report.records) == (1, count - 1)
        assert f"byte {sum(map(len, archive[:place]))}" in report.damage.places[0]


def test_several_damaged_stretches_are_counted_and_named():
    archive = members(*numbered(9))
    for place in (1, 2, 6):
        archive[place] = _flipped(archive[place], 500)
    found, report = read(b"".join(archive))
    assert [reference.url for reference in found] == images_but(1, 2, 6)
    assert report.damage.count == len(report.damage.places) == 3
    assert report.metrics()["records_damaged"] == 3


def test_a_file_cut_off_anywhere_loses_the_last_record_alone():
    archive = members(*numbered(3, 300))
    whole, kept = b"".join(archive), len(archive[0]) + len(archive[1])
    for end in range(kept + 1, len(whole)):
        found, report = read(whole[:end])
        assert [reference.url for reference in found] == images_but(2, count=3)
        assert report.damage.count == 1


def test_of_a_plain_file_the_record_that_is_cut_short_is_lost_alone():
    records = numbered(9)
    records[4] = records[4][:1500]
    found, report = read(b"".join(records))
    assert [reference.url for reference in found] == images_but(4)
    assert report.damage.count == 1
    assert len(urls(b"".join(records)[:-100])) == 7


@pytest.mark.parametrize(
    "data", [b"", b"\n" * 10, b"<html>" * 1000, b"\x1f\x8b\x08", b"\0" * 100_000, gzip.compress(b"x" * 99)]
)
def test_bytes_that_are_no_archive_are_damage_and_nothing_else(data):
    found, report = read(data)
    assert found == []
    assert report.damage.count == (1 if data else 0)


def test_an_archive_with_bytes_changed_anywhere_is_read_to_its_end():
    chance = random.Random(0)
    records = [*numbered(3, 300), *around("http://a.example/"), wat("http://a.example/", {})]
    for _ in range(200):
        packed = chance.choice((lambda all: members(*all), list, lambda all: [gzip.compress(b"".join(all))]))
        damaged = [mutated(one, chance) if chance.random() < 0.3 else one for one in records]
        archive = packed(damaged)
        found, report = read(mutated(b"".join(archive), chance))
        assert report.damage.count > 0 or found


def test_a_huge_page_is_left_out_and_never_in_memory_as_a_whole(monkeypatch):
    monkeypatch.setattr(warc, "MAX_PAGE_BYTES", 1_000_000)
    bomb = gzip.compress(b"0" * 30_000_000, compresslevel=1)
    records = numbered(3)
    huge = page("http://a.example/huge", b"<img src=huge.png>" + b"0" * 30_000_000)
    packed = page("http://a.example/bomb", bomb, "Content-Encoding: gzip")
    archive = b"".join(members(records[0], huge, records[1], packed, records[2]))
    tracemalloc.start()
    try:
        found, report = read(archive)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [reference.url for reference in found] == images_but(count=3)
    assert (report.pages_too_large, report.damage.count) == (2, 0)
    assert peak < 6_000_000


@pytest.mark.parametrize(
    ("text", "kind", "encoding"),
    [
        ("<img src=a.png alt='größer'>", "text/html; charset=iso-8859-1", "latin-1"),
        ("<meta charset=windows-1251><img src=a.png alt='кот'>", "text/html", "cp1251"),
        ("<img src=a.png alt='猫'>", "text/html; charset=Shift_JIS", "shift_jis"),
        ("<img src=a.png alt='猫'>", "text/html", "utf-16"),
        ("<img src=a.png alt='猫'>", "text/html; charset=nonsense", "utf-8"),
    ],
)
def test_alt_texts_are_decoded_by_header_byte_order_mark_or_meta_element(text, kind, encoding):
    (reference,), _ = read(page("http://a.example/", text.encode(encoding), kind=kind))
    assert reference.alt == text.split("'")[1]


def test_a_page_of_broken_bytes_keeps_what_can_be_read():
    (reference,), _ = read(page("http://a.example/", b"<img src=a.png alt='a caf\xe9 \xff'>"))
    assert reference.alt == "a caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"


def test_images_without_alt_are_counted_where_they_are_not_wanted():
    data = page("http://a.example/", "<img src=a.png><img src=b.png alt=''><img src=c.png alt=x>")
    found, report = read(data, ImagesWanted(without_alt=False))
    assert [reference.alt for reference in found] == ["", "x"]
    assert report.images_without_alt == 1


def test_an_address_in_brackets_or_with_a_password_is_written_without():
    (reference,), _ = read(page("<http://user:secret@a.example/b/>", "<img src=a.png alt=x>"))
    assert (reference.page_url, reference.url) == ("http://a.example/b/", "http://a.example/b/a.png")


def test_the_images_of_a_wat_file_are_those_of_its_pages():
    found_there = {
        "Head": {
            "Base": "http://a.example/images/",
            "Metas": [{"name": "robots", "content": "noai"}],
            "Link": [{"path": "LINK@/href", "rel": "license", "url": "/licence"}],
        },
        "Links": [
            {"path": "A@/href", "url": "/b"},
            {"path": "IMG@/src", "url": "a.png", "alt": "a dog"},
            {"path": "IMG@/src", "url": "b.png"},
        ],
    }
    skipped = record("metadata", "http://a.example/x", b'{"Envelope":{"Payload-Metadata":{}}}', "application/json")
    gone = wat("http://a.example/gone", found_there, status="404")
    data = b"".join(members(wat("http://a.example/", found_there), skipped, gone, *around("http://a.example/")))
    found, report = read(data)
    licence = "http://a.example/licence"
    assert found == [
        Reference("http://a.example/images/a.png", "a dog", "http://a.example/", licence, "noai"),
        Reference("http://a.example/images/b.png", None, "http://a.example/", licence, "noai"),
    ]
    assert (report.records, report.pages) == (5, 1)


def test_a_header_in_a_wat_file_opts_a_page_out():
    image = {"Links": [{"path": "IMG@/src", "url": "a.png", "alt": "x"}]}
    for headers in ({"X-Robots-Tag": "noai"}, {"x-robots-tag": ["all", "noai"]}, {"tdm-reservation": "1"}):
        (reference,), _ = read(wat("http://a.example/", image, headers))
        assert reference.opted_out is not None


@pytest.mark.parametrize(
    "found_there", [None, [], {"Head": 1, "Links": {}}, {"Links": [1, {"path": 2}, {"path": "IMG@/src", "url": []}]}]
)
def test_wat_records_of_another_shape_are_read_as_far_as_they_go(found_there):
    found, report = read(
        wat("http://a.example/", found_there)
        + wat("http://a.example/", {"Links": [{"path": "IMG@/src", "url": "a\ud800", "alt": "\ud800"}]})
    )
    assert report.pages == 2
    assert all((reference.url + (reference.alt or "")).encode() is not None for reference in found)


def test_a_wat_record_that_is_no_json_fails_alone():
    broken = record("metadata", "http://a.example/", b'{"HTML-Metadata"' + b"[" * 100_000, "application/json")
    _, report = read(broken + wat("http://a.example/", {}))
    assert (report.pages, report.pages_failed, report.damage.count) == (1, 1, 0)


def test_a_failing_disk_is_an_error_and_no_damage(tmp_path):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 65536:
                raise ConnectionResetError(104, "reset by peer")
            return super().read(min(size or 0, 65536) if size and size > 0 else 65536)

    report = ArchiveReport()
    with pytest.raises(StorageError, match="reset by peer"):
        list(references(Failing(b"".join(members(*numbered(60)))), report))
    assert report.damage.count == 0


def test_a_file_is_read_from_its_path_and_one_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members(*numbered(2))))
    assert [found.url for found in references(str(path), ArchiveReport())] == images_but(count=2)
    with pytest.raises(SourceError, match=r"no file .*b\.warc\.gz"):
        list(references(str(tmp_path / "b.warc.gz"), ArchiveReport()))
    with pytest.raises(SourceError, match="neither a local path nor an s3:// URL"):
        list(references("https://data.commoncrawl.org/a.warc.gz", ArchiveReport()))


@pytest.mark.parametrize(("name", "pack"), [("warc.paths.gz", gzip.compress), ("warc.paths", bytes)])
def test_a_list_names_archives_of_common_crawl_and_of_its_own_folder(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(b"crawl-data/CC-MAIN-2026-04/a.warc.gz\n\nb.warc.gz\ns3://mine/c.warc.gz\n/d.warc.gz\n"))
    assert archives(str(path)) == [
        "s3://commoncrawl/crawl-data/CC-MAIN-2026-04/a.warc.gz",
        str(tmp_path / "b.warc.gz"),
        "s3://mine/c.warc.gz",
        "/d.warc.gz",
    ]
    assert archives("s3://mine/a.warc.gz") == ["s3://mine/a.warc.gz"]


def test_a_damaged_list_is_named(tmp_path):
    (tmp_path / "warc.paths.gz").write_bytes(gzip.compress(b"crawl-data/a\n" * 99)[:-9])
    with pytest.raises(SourceError, match=r"warc\.paths\.gz is damaged"):
        archives(str(tmp_path / "warc.paths.gz"))
