"""Reads the images with alt texts out of Common Crawl's archives, WARC or WAT: local files, S3, or lists of paths."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from email.message import Message
from typing import BinaryIO, NamedTuple

from fastwarc.warc import HeaderMap, WarcRecord, WarcRecordType

from tasks.crawl.archives.warc_html import ALL_IMAGES, ImagesWanted, read_archived_page
from tasks.crawl.archives.warc_records import Damage, Records
from tasks.crawl.archives.wat import MARK, read_wat
from tasks.crawl.candidates import Reference
from tasks.crawl.sources.page import Page, is_html
from tasks.engine import storage
from tasks.errors import SourceError
from tasks.web.download import without_credentials
from tasks.web.opt_out import TDM, header_directives, opt_out

MAX_PAGE_BYTES = 10_000_000  # as of a page that is fetched
BLOCK_BYTES = 8_000_000  # that are asked of S3 at once
COMMON_CRAWL = "s3://commoncrawl/"  # what the paths in its lists are relative to


@dataclass
class ArchiveReport:
    """What one archive held; counts of the time so far, while it is read.

    Attributes:
        pages: those read, with images or without.
        pages_failed: those whose content encoding, HTML or JSON could not be read, in a record that is sound.
        pages_too_large: those of more than 10 MB, which are left out.
        images_without_alt: those left out for that, where they are not wanted.
        images_beyond_limit: those left out because there are too many on a page.
    """

    records: int = 0
    pages: int = 0
    pages_failed: int = 0
    pages_too_large: int = 0
    images_without_alt: int = 0
    images_beyond_limit: int = 0
    damage: Damage = field(default_factory=Damage)

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        counts = {name: value for name, value in asdict(self).items() if name != "damage"}
        return counts | {"records_damaged": self.damage.count}


class _Content(NamedTuple):
    """Of a record: its page as bytes, or why there is none."""

    url: str = ""
    body: bytes | None = None
    headers: HeaderMap | None = None  # of HTTP; None for a record of a WAT file
    fault: str | None = None  # name of the count


NOTHING = _Content()  # of a record that is none of a page


def references(source: str | BinaryIO, report: ArchiveReport, wanted: ImagesWanted = ALL_IMAGES) -> Iterator[Reference]:
    """The images on the pages of one WARC or WAT file, gzip or plain, in the order of the file.

    Damaged records are left out and counted. Memory is bounded by the largest page, not by the file.

    Args:
        source: a local path, an s3:// URL, read with the user's credentials if there are any, or a seekable file.
        report: filled while the file is read.

    Raises:
        SourceError: there is no such file, or it may not be read.
        StorageError: the disk or the network failed.
    """
    with _opened(source) as file:
        name = source if isinstance(source, str) else getattr(source, "name", "the archive")
        for content in Records(file, _content, report.damage, str(name)):
            report.records += 1
            if content.fault is not None:
                setattr(report, content.fault, getattr(report, content.fault) + 1)
            elif content.body is not None:
                yield from _of_page(content, report, wanted)


def archives(source: str) -> list[str]:
    """The archives that a source names: those in a list such as `warc.paths.gz`, or itself.

    Relative paths in a list that begin with crawl-data/ are in Common Crawl's bucket, others beside the list.

    Raises:
        SourceError: there is no such list, it may not be read, or what it names lies on another kind of storage.
        StorageError: the disk or the network failed.
    """
    if not source.endswith((".paths", ".paths.gz")):
        return [source]
    with _opened(source) as file:
        listed = file.read()
    try:
        text = (gzip.decompress(listed) if source.endswith(".gz") else listed).decode()
    except (OSError, EOFError, ValueError) as error:
        raise SourceError(f"The list {source} is damaged ({error}): get it again.") from error
    folder = source[: source.rfind("/") + 1]
    found = [
        path
        if path.startswith("/") or "://" in path
        else (COMMON_CRAWL if path.startswith("crawl-data/") else folder) + path
        for path in map(str.strip, text.splitlines())
        if path
    ]
    for archive in found:
        _check_storage(archive)
    return found


def _check_storage(source: str) -> None:
    if not (storage.is_local(source) or storage.is_s3(source)):
        raise SourceError(
            f"{without_credentials(source)} is neither a local path nor an s3:// URL: download it, or read it from S3."
        )


@contextmanager
def _opened(source: str | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(source, str):
        yield source
        return
    _check_storage(source)
    fs, path = storage.filesystem(source)
    try:
        with (
            storage.plain_errors(source, "read", "source.sources"),
            fs.open(path, "rb", block_size=BLOCK_BYTES) as file,
        ):
            yield file
    except FileNotFoundError:
        raise SourceError(f"There is no file {source}: check source.sources.") from None


def _content(record: WarcRecord) -> _Content:
    """Reads what a page needs of its record, and no more of another one."""
    kind = record.record_type
    if kind == WarcRecordType.metadata and (record.headers.get("Content-Type") or "").startswith("application/json"):
        return _read(record, None)
    if kind != WarcRecordType.response or not record.is_http:
        return NOTHING
    try:
        record.parse_http(auto_decode="all", strict_mode=False)
    except OSError:
        return _Content(fault="pages_failed")
    headers = record.http_headers
    if headers.status_code != 200 or not is_html(headers.get("Content-Type") or "text/html"):
        return NOTHING
    return _read(record, headers)


def _read(record: WarcRecord, headers: HeaderMap | None) -> _Content:
    try:
        body = record.reader.read(MAX_PAGE_BYTES + 1)
    except OSError:
        return _Content(fault="pages_failed")
    if headers is None and MARK not in body:
        return NOTHING
    if len(body) > MAX_PAGE_BYTES:
        return _Content(fault="pages_too_large")
    url = (record.headers.get("WARC-Target-URI") or "").strip("<>")  # some writers put it between these
    return _Content(without_credentials(url), body, headers)


def _of_page(content: _Content, report: ArchiveReport, wanted: ImagesWanted) -> list[Reference]:
    try:
        page = _page(content, wanted)
    except Exception:  # whatever a parser raises for bytes of a stranger
        report.pages_failed += 1
        return []
    if page is None:
        return []
    report.pages += 1
    report.images_beyond_limit += page.images_beyond
    images = page.images
    if not wanted.without_alt:
        images = [image for image in images if (image.alt or "").strip()]
        report.images_without_alt += len(page.images) - len(images)
    opted_out = opt_out(page.directives)
    licence = page.resolve(page.licence) if page.licence else None
    return [
        Reference(page.resolve(url) if url else "", alt, page.url, licence, opted_out, split)
        for url, alt, split in images
    ]


def _page(content: _Content, wanted: ImagesWanted) -> Page | None:
    assert content.body is not None
    if content.headers is None:
        return read_wat(content.url, content.body)
    kind = content.headers.get("Content-Type") or "text/html"
    page = read_archived_page(content.url, content.body, kind, wanted)
    if said := [(name, value) for name in ("X-Robots-Tag", TDM) for value in content.headers.get_multiple(name)]:
        headers = Message()
        for name, value in said:
            headers[name] = value
        page.directives |= header_directives(headers)
    return page
