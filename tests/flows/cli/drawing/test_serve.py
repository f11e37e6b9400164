"""`dalle serve`: pictures come as they are drawn, one drawing at a time, and nobody else's page can use the server."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from support.drawing import SIDE, PacedGenerator, PacedModels, served
from support.ranks import ROOT
from support.web import free_port
from typer.testing import CliRunner

from flows.cli.app import app
from flows.cli.drawing.serve import MOST_BODY_BYTES, MOST_WAITING

LIMIT_S = 60.0
PICTURE = base64.b64encode(cv2.imencode(".png", np.zeros((12, 20, 3), np.uint8))[1].tobytes()).decode()


@pytest.fixture
def models() -> Iterator[PacedModels]:
    paced = PacedModels()
    yield paced
    paced.paced.go.set()


@pytest.fixture
def paced(models: PacedModels) -> PacedGenerator:
    return models.paced


@pytest.fixture
def client(models: PacedModels) -> Iterator[httpx.Client]:
    with served(models) as address, httpx.Client(base_url=address, trust_env=False, timeout=LIMIT_S) as client:
        yield client


def events(client: httpx.Client, **order: Any) -> list[dict[str, Any]]:
    answer = client.post("/draw", json={"prompt": "a frog", "n": 4} | order)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Asking:
    """A client that has sent an order, and reads the answer when it is asked to."""

    def __init__(self, client: httpx.Client, prompt: str) -> None:
        order = client.build_request("POST", "/draw", json={"prompt": prompt, "n": 4})
        self.answer = client.send(order, stream=True)
        self.lines = self.answer.iter_lines()

    def next(self) -> dict[str, Any]:
        return json.loads(next(self.lines))

    def leave(self) -> None:
        self.answer.close()


def test_pictures_come_by_number_and_then_their_ranking(client: httpx.Client) -> None:
    told = [event for event in events(client) if event["kind"] != "progress"]
    assert [event["kind"] for event in told] == ["drawing", *["picture"] * 4, "ranking", "done"]
    assert [event["index"] for event in told[1:5]] == [0, 1, 2, 3]
    levels = []
    for event in told[1:5]:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(event["png"]), np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (SIDE, SIDE, 3)
        levels.append(picture[0, 0, 0])
    assert levels == [0, 1, 2, 3]
    assert told[5]["ranks"] == [0, 1, 2, 3]
    assert told[5]["scores"] == sorted(told[5]["scores"], reverse=True)


def test_a_picture_is_there_before_the_last_one_is_drawn(client: httpx.Client, paced: PacedGenerator) -> None:
    paced.pause_s = 0.3
    asking = Asking(client, "a frog")
    kinds = [asking.next()["kind"] for _ in range(2)]
    while "picture" not in kinds:
        kinds.append(asking.next()["kind"])
    assert paced.ended == []
    asking.leave()


def test_an_uploaded_picture_becomes_a_square_prompt(client: httpx.Client, paced: PacedGenerator) -> None:
    assert events(client, image=PICTURE, keep_rows=0.25)[-1]["kind"] == "done"
    [image] = paced.images
    assert image is not None
    assert image.image.shape == (12, 12, 3)
    assert image.keep_rows == 0.25


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"prompt": ""}, "The prompt is empty"),
        ({"prompt": "long " * 1000}, "more than 2,000 letters"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"n": 513}, "n: Input should be less than or equal to 512"),
        ({"seed": -1}, "seed: "),
        ({"temperature": -1}, "temperature: "),
        ({"temperature": "NaN"}, "temperature: "),
        ({"unknown": 1}, "unknown: "),
        ({"image": "no base64!"}, "no base64"),
        ({"image": base64.b64encode(b"a letter").decode()}, "The picture is no picture"),
        ({"image": PICTURE, "keep_rows": 1}, "nothing would be drawn anew"),
    ],
)
def test_an_order_that_cannot_be_drawn_is_refused_in_a_sentence(
    client: httpx.Client, paced: PacedGenerator, order: dict[str, Any], said: str
) -> None:
    answer = client.post("/draw", json={"prompt": "a frog", "n": 4} | order)
    assert answer.status_code == 400
    assert said in answer.json()["text"]
    assert paced.begun == []


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"[]"])
def test_what_is_no_order_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/draw", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["kind"] == "error"


def test_an_order_beyond_the_bound_is_refused_before_it_is_whole(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 20 * MOST_BODY_BYTES:
            sent += 1 << 16
            yield b" " * (1 << 16)

    try:
        answer = client.post("/draw", content=endless(), headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 8 MiB" in answer.json()["text"]
    except httpx.WriteError:  # the server has answered and closed while more was sent
        pass
    assert sent < 10 * MOST_BODY_BYTES


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""])
def test_a_name_that_another_site_points_here_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 400
    assert client.post("/draw", json={"prompt": "a frog"}, headers={"host": host}).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_may_not_draw(client: httpx.Client, paced: PacedGenerator, origin: str) -> None:
    assert client.post("/draw", json={"prompt": "a frog"}, headers={"origin": origin}).status_code == 403
    assert paced.begun == []


def test_a_form_of_another_site_may_not_draw(client: httpx.Client, paced: PacedGenerator) -> None:
    headers = {"content-type": "text/plain"}
    assert client.post("/draw", content='{"prompt": "a frog"}', headers=headers).status_code == 415
    assert paced.begun == []


def test_no_other_origin_may_read_and_the_page_asks_for_nothing_outside(client: httpx.Client) -> None:
    page = client.get("/", headers={"origin": "https://evil.example"})
    assert not [name for name in page.headers if name.startswith("access-control")]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "://" not in page.text
    assert "{{" not in page.text


def test_a_page_has_scripts_of_its_own_alone(client: httpx.Client) -> None:
    first, second = client.get("/"), client.get("/")
    nonces = [answer.headers["content-security-policy"].split("'nonce-")[1].split("'")[0] for answer in (first, second)]
    assert nonces[0] != nonces[1]
    assert f'<script nonce="{nonces[0]}">' in first.text


def test_one_is_drawn_at_a_time_and_the_next_is_told_its_place(client: httpx.Client, paced: PacedGenerator) -> None:
    paced.go.clear()
    first, second, third = (Asking(client, prompt) for prompt in ("one", "two", "three"))
    assert second.next() == {"kind": "waiting", "before": 1}
    assert third.next() == {"kind": "waiting", "before": 2}
    assert paced.begun == ["one"]
    paced.go.set()
    for asking in (first, second, third):
        assert [json.loads(line) for line in asking.lines][-1]["kind"] == "done"
    assert paced.ended == ["one", "two", "three"]


def test_a_client_that_leaves_stops_its_drawing_and_makes_room(client: httpx.Client, paced: PacedGenerator) -> None:
    paced.go.clear()
    leaving, staying = Asking(client, "one"), Asking(client, "two")
    until(lambda: paced.begun == ["one"])
    leaving.leave()
    until(lambda: paced.begun == ["one", "two"])
    paced.go.set()
    assert [json.loads(line) for line in staying.lines][-1]["kind"] == "done"
    assert paced.ended == ["two"]


def test_one_that_left_while_it_waited_is_not_drawn(client: httpx.Client, paced: PacedGenerator) -> None:
    paced.go.clear()
    first, leaving, last = (Asking(client, prompt) for prompt in ("one", "two", "three"))
    leaving.leave()
    time.sleep(0.3)
    paced.go.set()
    assert [json.loads(line) for line in last.lines][-1]["kind"] == "done"
    assert paced.begun == ["one", "three"]
    first.leave()


def test_a_full_queue_says_so(client: httpx.Client, paced: PacedGenerator) -> None:
    paced.go.clear()
    asking = [Asking(client, f"prompt {i}") for i in range(MOST_WAITING + 1)]
    refused = client.post("/draw", json={"prompt": "one more"})
    assert refused.status_code == 429
    assert refused.json()["text"] == f"{MOST_WAITING} drawings wait already: try again in a while."
    for each in asking:
        each.leave()
    paced.go.set()
    until(lambda: client.post("/draw", json={"prompt": "one more", "n": 1}).status_code == 200)


def test_a_failure_is_told_without_its_secrets_and_the_next_is_drawn(client: httpx.Client) -> None:
    assert events(client, prompt="fail")[-1] == {
        "kind": "error",
        "text": "The drawing failed: the terminal of `dalle serve` says why.",
    }
    assert events(client)[-1]["kind"] == "done"


def test_a_port_in_use_is_told_in_one_line(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"format": 1, "files": {}}')
    port = str(client.base_url.port)
    result = CliRunner().invoke(app, ["serve", "--model", str(tmp_path), "--port", port])
    assert result.stderr.splitlines()[-1] == (
        f"Error: Port {port} cannot be used (Address already in use): choose another with --port."
    )
    assert result.exit_code == 1


SERVER = """
import sys
from flows.cli.console import WaitingLine
from flows.cli.drawing.serve import serve_page
from models.generator import Sampling
from support.drawing import PacedModels

with WaitingLine() as tell:
    serve_page(PacedModels(0.1), Sampling(), [], int(sys.argv[1]), tell)
"""


def test_ctrl_c_ends_the_server_while_it_draws() -> None:
    port = free_port()
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-c", SERVER, str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    with process, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert process.stderr
        until(lambda: "Serving" in process.stderr.readline())
        order = client.build_request("POST", "/draw", json={"prompt": "a frog", "n": 512})
        answer = client.send(order, stream=True)
        next(answer.iter_lines())
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
        assert process.stderr.read().splitlines()[-1] == "Ended."
