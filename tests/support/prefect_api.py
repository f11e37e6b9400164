"""A small stand-in for Prefect's server on loopback: it takes every request of a run, or fails those it is told to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import uuid4

import prefect

from support.web import answering, server_of


class PrefectApi:
    """What the server was asked, and how it is to fail.

    Attributes:
        fails: the status for every request whose path holds one of these words.
        refused: the requests that were answered so.
    """

    def __init__(self) -> None:
        self.url = ""
        self.fails: dict[str, int] = {}
        self.refused: list[str] = []
        self._kept: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """The status and the content of an answer."""
        for words, status in self.fails.items():
            if words in path:
                self.refused.append(f"{method} {path}")
                return status, {}
        first, *rest = path.removeprefix("/api/").strip("/").split("/")
        match first, rest:
            case "admin", ["version"]:
                return 200, prefect.__version__
            case "flow_runs", ["filter"]:
                return 200, []
            case (("flow_runs" | "task_runs"), [name, "set_state"]):
                self._kept[name]["state"] = self._state(body["state"])
                details = {"type": "accept_details"}
                return 201, {"status": "ACCEPT", "details": details, "state": self._kept[name]["state"]}
            case (("flow_runs" | "task_runs"), [name]):
                return (200, self._kept[name]) if method == "GET" else (204, None)
            case "v2", ["concurrency_limits", *_]:
                return 200, {"lease_id": str(uuid4()), "limits": []}
            case (("flows" | "flow_runs" | "task_runs" | "artifacts"), []):
                made = {key: value for key, value in body.items() if value is not None} | {"id": str(uuid4())}
                if "state" in made:
                    made["state"] = self._state(made["state"])
                self._kept[made["id"]] = {"name": "a name"} | made
                return 201, self._kept[made["id"]]
            case _:
                return 404, {}

    def _state(self, given: dict[str, Any]) -> dict[str, Any]:
        return given | {"id": str(uuid4()), "timestamp": datetime.now(UTC).isoformat()}


@contextmanager
def prefect_api() -> Iterator[PrefectApi]:
    """The stand-in, answering until the end of the block; its errors are to be repeated at once."""
    api = PrefectApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(sent) if sent else {}
            status, content = api.answer(self.command, self.path.split("?")[0], body)
            data = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = server_of(Handler)
    api.url = f"http://127.0.0.1:{server.server_port}/api"
    with answering(server):
        yield api
