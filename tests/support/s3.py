"""A bucket on moto's server in a process of its own, and a proxy before it that fails as storages do."""

import http.client
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.web import answering, free_port, server_of

BUCKET = "pictures"
REFUSALS = {"SlowDown": 503, "InternalError": 500, "ExpiredToken": 400, "AccessDenied": 403, "NoSuchBucket": 404}
PASSING = ("SlowDown", "InternalError", "reset", "lost", "half")
# What happens to a request: one of REFUSALS, or the connection breaks before it is carried out (reset), after it (lost)
# or in the middle of the answer (half), or there is no answer (hang), or a late one (slow). None: all is well.
Fault = Callable[[str, str, int], str | None]


@contextmanager
def moto_bucket() -> Iterator[str]:
    """The URL of a bucket; the environment names the server and credentials for it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with pytest.MonkeyPatch.context() as env:
            env.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            env.setenv("AWS_ACCESS_KEY_ID", "test")
            env.setenv("AWS_SECRET_ACCESS_KEY", "test")
            env.setenv("AWS_DEFAULT_REGION", "us-east-1")
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1)
                    break
                except OSError:
                    time.sleep(0.1)
            import boto3

            env.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep these credentials for tests without any
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield f"s3://{BUCKET}"
    finally:
        server.terminate()
        server.wait()


class FaultyS3:
    """What a proxy before the server does. `fault` is asked for each request: its method, its path and its number."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.fault: Fault = lambda method, path, number: None
        self.made: list[str] = []
        self.requests = 0
        self.released = threading.Event()
        self._lock = threading.Lock()

    def next_fault(self, method: str, path: str) -> str | None:
        with self._lock:
            self.requests += 1
            found = self.fault(method, path, self.requests)
            if found:
                self.made.append(found)
            return found


@contextmanager
def faulty_s3(moto: str) -> Iterator[FaultyS3]:
    """A proxy before the server at the URL `moto`, on its own port."""
    upstream = urlsplit(moto)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self._body()
            fault = state.next_fault(self.command, self.path)
            if fault == "hang":
                state.released.wait()
            if fault == "slow":
                time.sleep(0.3)
            if fault in REFUSALS:
                self._send(REFUSALS[fault], {}, f"<Error><Code>{fault}</Code><Message>No.</Message></Error>".encode())
            elif fault in ("reset", "hang"):
                self._break()
            else:
                status, headers, data = self._forwarded(body)
                if fault == "lost":
                    self._break()
                elif fault == "half":
                    self._send(status, headers, data, len(data) // 2)
                    self._break()
                else:
                    self._send(status, headers, data)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def _forwarded(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            server = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding", "expect")}
            try:
                server.request(self.command, self.path, body, kept | {"Content-Length": str(len(body))})
                answer = server.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                server.close()

        def _send(self, status: int, headers: dict[str, str], data: bytes, cut: int | None = None) -> None:
            length = headers.get("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
            own = ("content-length", "connection", "transfer-encoding", "server", "date")
            with suppress(ConnectionError):
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in own:
                        self.send_header(name, value)
                self.send_header("Date", self.date_time_string())
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data[:cut])
                self.wfile.flush()

        def _break(self) -> None:
            with suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = server_of(Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that went away
    state = FaultyS3(server.server_port)
    with answering(server):
        try:
            yield state
        finally:
            state.released.set()
