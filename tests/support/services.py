"""`dalle up` on a free port, with a state folder of its own, for tests."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flows.cli.doctor import free_port

DALLE = str(Path(sys.executable).with_name("dalle"))
USER = "ann:a-password"
RETRIES = 5  # as Prefect's own client does by default


@dataclass(frozen=True)
class Services:
    """A server that asks for a password, and its worker."""

    env: dict[str, str]
    port: int

    def dalle(self, *words: str) -> str:
        done = subprocess.run([DALLE, *words], env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def recorded(self) -> dict[str, Any]:
        return json.loads(Path(self.env["DALLE_STATE"], "services.json").read_text())

    def api(self, path: str, body: dict[str, Any]) -> Any:
        """The answer; asked again while the server says 503, which it does where it undid a request to be repeated."""
        for _ in range(RETRIES):
            try:
                return self._answered(path, body)
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                time.sleep(1)
        return self._answered(path, body)

    def _answered(self, path: str, body: dict[str, Any]) -> Any:
        with self.ask("csrf-token?client=test", None) as answer:
            token = {"Prefect-Csrf-Client": "test", "Prefect-Csrf-Token": json.load(answer)["token"]}
        with self.ask(path, body, {"Content-Type": "application/json"} | token) as answer:
            return json.load(answer)

    def ask(self, path: str, body: Any, headers: dict[str, str] | None = None, login: str = USER) -> Any:
        """The answer to a request with the password; without one if `login` is empty."""
        data = None if body is None else json.dumps(body).encode()
        basic = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
        url = f"http://127.0.0.1:{self.port}/api/{path}"
        return urllib.request.urlopen(urllib.request.Request(url, data, basic | (headers or {})), timeout=30)


@contextmanager
def started_services(state: Path) -> Iterator[Services]:
    """The services, which are ended after the block. `state` is made if it is not there."""
    state.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    running = Services(env | {"DALLE_STATE": str(state)}, free_port())
    try:
        (state / "password").write_text(f"{USER}\n")
        told = running.dalle("up", "--port", str(running.port), "--password-file", str(state / "password"))
        assert f"http://127.0.0.1:{running.port}" in told
        yield running
    finally:
        running.dalle("down")
