"""WARC and WAT files, as Common Crawl writes them: one gzip member for each record."""

import gzip
import json
from typing import Any


def record(kind: str, url: str, content: bytes, content_type: str) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def page(
    url: str, html: str | bytes, *headers: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8"
) -> bytes:
    """The record of a response."""
    body = html if isinstance(html, bytes) else html.encode()
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), *headers]
    return record("response", url, "\r\n".join([*lines, "", ""]).encode() + body, "application/http; msgtype=response")


def wat(url: str, html_metadata: Any, headers: dict[str, Any] | None = None, status: str = "200") -> bytes:
    """The record of a page in a WAT file."""
    response = {"Response-Message": {"Status": status}, "Headers": headers or {}, "HTML-Metadata": html_metadata}
    envelope = {"Envelope": {"Payload-Metadata": {"HTTP-Response-Metadata": response}}}
    return record("metadata", url, json.dumps(envelope, separators=(",", ":")).encode(), "application/json")


def members(*records: bytes) -> list[bytes]:
    return [gzip.compress(one, compresslevel=1) for one in records]


def around(url: str) -> list[bytes]:
    """The records that Common Crawl puts before and after that of a response: of the request, and of what it knows."""
    request = record("request", url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "application/http; msgtype=request")
    return [request, record("metadata", url, b"fetchTimeMs: 1\r\n", "application/warc-fields")]
