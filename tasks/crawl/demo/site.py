"""Serves the demo site on this machine, so that the pipeline can crawl it like any other."""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tasks.compositions.config import CompositionsConfig
from tasks.crawl.demo.dirt import Resource
from tasks.crawl.demo.pages import site
from tasks.errors import PortInUseError

NOT_FOUND = Resource(b"not found", "text/plain", 404)


@contextmanager
def demo_site(archive: Path, port: int, compositions: CompositionsConfig | None = None) -> Iterator[None]:
    """Serves the site on 127.0.0.1:`port` during the block: of compositions, or the emoji alone.

    Raises:
        PortInUseError: something else listens there.
    """
    server = _listening(port)
    server.content = site(archive, compositions)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def require_port(port: int) -> None:
    """The site could be served at this port now.

    Raises:
        PortInUseError: something else listens there.
    """
    _listening(port).server_close()


def _listening(port: int) -> "_Server":
    try:
        return _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUseError(
            f"Port {port} of this machine is taken: choose another for the demo site with --set source.port={port + 1}."
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a deliberately slow response must not delay the end of the run
    request_queue_size = 128
    content: dict[str, Resource]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that close the connection early, which would print a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for headers and body
    server: _Server

    def do_GET(self) -> None:
        resource = self.server.content.get(self.path, NOT_FOUND)
        time.sleep(resource.delay_s)
        self.send_response(resource.status)
        self.send_header("Content-Type", resource.content_type)
        self.send_header("Content-Length", str(len(resource.body)))
        for name, value in resource.headers:
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(resource.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log of requests."""
