"""A web server for tests: a dict of paths and their responses, on a free port of this machine."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

Answer = bytes | str | Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def web_site(
    paths: Mapping[str, Answer],
    certificate: Path | None = None,
    host: str = "127.0.0.1",
    asked: list[str] | None = None,
) -> Iterator[str]:
    """The address of a server that answers `paths`, and 404 to everything else; https if there is a certificate.

    Args:
        host: the address to listen on; 127.0.0.2 stands for a private one that no site may lead to.
        asked: takes the path of each request.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            answer = paths.get(self.path)
            with suppress(ConnectionError):
                if callable(answer):
                    answer(self)
                else:
                    reply(404 if answer is None else 200, answer or b"")(self)

        do_HEAD = do_GET  # noqa: N815 - an answer that knows HEAD leaves out its body

        def log_message(self, *_: object) -> None:
            pass

    server = server_of(Handler, host)
    address = f"http://{host}:{server.server_port}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # a client that refuses the certificate
        address = f"https://localhost:{server.server_port}"
    with answering(server):
        yield address


def server_of(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server on a free port, which waits for no request when it ends."""
    server = ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    return server


@contextmanager
def answering(server: ThreadingHTTPServer) -> Iterator[None]:
    """The server answers inside the block, from a thread of its own."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def reply(status: int = 200, body: bytes | str = b"", length: int | None = None, **headers: str) -> Answer:
    """An answer with this status, body and headers (underscores in names stand for hyphens).

    Args:
        length: the Content-Length to claim, where it is not the body's.
    """
    data = body.encode() if isinstance(body, str) else body
    kind = "text/html; charset=utf-8" if isinstance(body, str) else "application/octet-stream"

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return send


def dribble(handler: BaseHTTPRequestHandler) -> None:
    """Sends one byte each tenth of a second, without end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.1)


def dribble_headers(handler: BaseHTTPRequestHandler) -> None:
    """As slow as `dribble`, but within the headers."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def picture(seed: int = 0, size: tuple[int, int] = (80, 80), image_format: str = "PNG", mode: str = "RGB") -> bytes:
    """An encoded image; another seed gives one that looks different."""
    import numpy as np

    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, len(mode)), np.uint8)
    image = Image.fromarray(blocks.squeeze(), mode).resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, image_format, **({"lossless": True} if image_format == "WEBP" else {}))
    return buffer.getvalue()


def free_port() -> int:
    """A port nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
