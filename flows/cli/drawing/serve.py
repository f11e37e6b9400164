"""`dalle serve`: a page on this machine that draws. It asks for nothing outside, and answers its own pages alone."""

import base64
import binascii
import html
import json
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from flows.cli.drawing.drawing_queue import DrawingQueue, QueueFullError
from models.config import Frozen
from models.generator import Sampling
from tasks.errors import ConfigError, PipelineError, PortInUseError
from tasks.generate import ModelSource, Request, require_drawable
from tasks.image_prompt import KEEP_ROWS, image_prompt

if TYPE_CHECKING:
    from flows.cli.console import WaitingLine

ADDRESS = "127.0.0.1"
HOSTS = [ADDRESS, "localhost"]
PAGE = Path(__file__).with_name("page.html")
MOST_CANDIDATES = 512
MOST_LETTERS = 2000
MOST_PICTURE_BYTES = 8 << 20
MOST_BODY_BYTES = MOST_PICTURE_BYTES * 4 // 3 + 64_000  # base64, and the rest
MOST_WAITING = 16
MOST_CONNECTIONS = 64
CLOSE_S = 1  # for open answers, when the server ends


class TooLargeError(PipelineError):
    """A request has more bytes than it may."""


class PageOrder(Frozen):
    """What the page asks for. `image`: the file in base64."""

    prompt: str
    n: int = Field(16, ge=1, le=MOST_CANDIDATES)
    seed: int = Field(0, ge=0)
    temperature: float = Field(1.0, ge=0)
    top_k: int | None = Field(None, ge=1)
    image: str | None = None
    keep_rows: float | None = Field(None, ge=0, le=1)
    keep_columns: float | None = Field(None, ge=0, le=1)

    def request(self, defaults: Sampling) -> Request:
        """The order as the models take it.

        Raises:
            ConfigError, SourceError: the prompt or the picture cannot be used.
        """
        require_drawable(self.prompt)
        if len(self.prompt) > MOST_LETTERS:
            raise ConfigError(f"The prompt has more than {MOST_LETTERS:,} letters: say it in fewer.")
        chosen = {"temperature": self.temperature, "top_k": self.top_k or defaults.top_k}
        image = None
        if self.image is not None:
            try:
                encoded = base64.b64decode(self.image, validate=True)
            except binascii.Error as error:
                raise ConfigError("The picture is no base64.") from error
            image = image_prompt(encoded, "The picture", self.keep_rows, self.keep_columns)
        return Request((self.prompt.strip(),), self.n, self.seed, defaults.model_copy(update=chosen), image)


def serve_page(models: ModelSource, defaults: Sampling, prompts: Sequence[str], port: int, tell: "WaitingLine") -> None:
    """Load the models, and serve the page until the person ends it.

    Raises:
        PortInUseError: another program listens on the port.
        CheckpointError, DamagedArtifactError: the models cannot be loaded.
    """
    import uvicorn

    with _listening(port) as listener:
        tell("Loading the models")
        models.generator()
        models.ranker()
        tell.line(f"Drawing on http://{ADDRESS}:{port}  (Ctrl-C ends it)")
        tell("Serving")
        app = application(models, defaults, prompts, port)
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=CLOSE_S,
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        tell.line("Ended.")


def application(models: ModelSource, defaults: Sampling, prompts: Sequence[str], port: int) -> Starlette:
    """The page at `/`, and `/draw`, which takes an order as JSON and answers with a JSON event a line."""
    origins = [f"http://{host}:{port}" for host in HOSTS]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.queue = DrawingQueue(models, MOST_WAITING)
        yield
        app.state.queue.close()

    async def page(request: HttpRequest) -> Response:
        nonce = secrets.token_urlsafe(16)
        return HTMLResponse(_page(defaults, prompts, nonce), headers=_page_headers(nonce))

    async def drawing(request: HttpRequest) -> Response:
        # A page of another site may send requests here, though not read the answers.
        if request.headers.get("origin", origins[0]) not in origins:
            return _refused(403, "Only the page of this server may draw.")
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return _refused(415, "An order is JSON.")
        try:
            order = PageOrder.model_validate_json(await _body(request))
            # In the server's own thread: one picture is decoded at a time, which bounds the memory.
            entered = request.app.state.queue.enter(order.request(defaults))
        except TooLargeError as error:
            # Else the server would read what is still sent to its end.
            return _refused(413, str(error), {"Connection": "close"})
        except QueueFullError as error:
            return _refused(429, str(error))
        except ValidationError as error:
            first = error.errors()[0]
            return _refused(400, f"{'.'.join(map(str, first['loc'])) or 'The order'}: {first['msg']}.")
        except PipelineError as error:
            return _refused(400, str(error))
        events = request.app.state.queue.events(entered)
        lines = (json.dumps(event) + "\n" async for event in events)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})

    routes = [Route("/", page), Route("/draw", drawing, methods=["POST"])]
    # The address of a name that another site owns may be changed to this machine's; its requests still say the name.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    return Starlette(routes=routes, middleware=[hosts], lifespan=lifespan)


async def _body(request: HttpRequest) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: it is larger than an order with a picture may be.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise TooLargeError(f"The picture is larger than {MOST_PICTURE_BYTES >> 20} MiB: choose a smaller one.")
    return bytes(body)


def _page(defaults: Sampling, prompts: Sequence[str], nonce: str) -> str:
    settings = {
        "prompts": [prompt for prompt in prompts if len(prompt) <= MOST_LETTERS],
        "temperature": defaults.temperature,
        "topK": defaults.top_k,
        "keepRows": KEEP_ROWS,
        "mostBytes": MOST_PICTURE_BYTES,
    }
    text = PAGE.read_text(encoding="utf-8")
    text = text.replace("{{most}}", str(MOST_CANDIDATES)).replace("{{letters}}", str(MOST_LETTERS))
    return text.replace("{{settings}}", html.escape(json.dumps(settings))).replace("{{nonce}}", nonce)


def _page_headers(nonce: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _refused(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"kind": "error", "text": text}, status, headers)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortInUseError(f"Port {port} cannot be used ({error.strerror}): choose another with --port.") from error
    return listener
