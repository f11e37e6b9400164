"""`dalle up`: a real server and worker, deployments whose schedules start runs, and `dalle down` ends only these."""

import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.finished_run import emoji_pairs
from support.services import DALLE, USER, Services, started_services

from flows.cli import environment
from flows.cli.doctor import is_free
from tasks.engine.artifact import Artifact

pytestmark = pytest.mark.end_to_end

RUN_LIMIT_S = 150.0


def family(pid: int) -> set[int]:
    root = psutil.Process(pid)
    return {root.pid, *(child.pid for child in root.children(recursive=True))}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with started_services(tmp_path_factory.mktemp("state")) as running:
        yield running


def test_up_again_changes_nothing(services: Services) -> None:
    before = services.recorded
    services.dalle("up", "--port", str(services.port))
    assert services.recorded == before


def test_a_second_server_cannot_use_the_same_port(services: Services, tmp_path: Path) -> None:
    done = subprocess.run(
        [DALLE, "up", "--port", str(services.port)],
        env=services.env | {"DALLE_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: Port {services.port} is in use by another program: choose another with `dalle up --port`.\n"
    )


def test_a_run_finds_the_server(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.setenv(environment.PASSWORD, "")
    monkeypatch.setenv("DALLE_STATE", services.env["DALLE_STATE"])
    assert environment.use_running_server() == f"http://127.0.0.1:{services.port}/api"
    assert os.environ[environment.PASSWORD] == USER


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_a_page_of_another_origin_may_not_read_the_server(services: Services, origin: str) -> None:
    with services.ask("csrf-token?client=page", None, {"Origin": origin}) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") is None
    own = f"http://localhost:{services.port}"
    with services.ask("csrf-token?client=page", None, {"Origin": own}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == own


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_browser_sends_without_asking_first_changes_nothing(services: Services, content_type: str) -> None:
    headers = {"Origin": "http://evil.example", "Content-Type": content_type}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        services.ask("flows/", {"name": "evil"}, headers)
    assert "evil" not in {flow["name"] for flow in services.api("flows/filter", {})}


@pytest.mark.parametrize("login", ["", "ann:wrong"])
def test_without_the_password_nothing_is_told(services: Services, login: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        services.ask("csrf-token?client=page", None, login=login)


def test_a_schedule_creates_runs(services: Services) -> None:
    deadline = time.monotonic() + 90
    wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    while time.monotonic() < deadline:
        runs = services.api("flow_runs/filter", {"flow_runs": wanted})
        if {run["auto_scheduled"] for run in runs} == {True}:
            assert all(run["expected_start_time"].endswith(("T03:00:00Z", "T05:00:00Z")) for run in runs)
            return
        time.sleep(1)
    raise AssertionError("no scheduled run within 90 s")


def test_a_deployed_run_crawls_and_packs_a_folder(services: Services, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, pair in enumerate(emoji_pairs(8)):
        (photos / f"{number}.png").write_bytes(pair["image"])
        (photos / f"{number}.txt").write_text(f"a small picture of a {pair['caption']}")
    [deployment] = services.api("deployments/filter", {"deployments": {"name": {"any_": ["ingest"]}}})
    parameters = {
        "recipe": "smoke",
        "changes": {"source": str(photos), "screen_captions.min_confidence": 0},
        "settings": {"root": str(tmp_path / "runs"), "work_dir": str(tmp_path / "work"), "dask_workers": 0},
    }
    run = services.api(f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
    deadline = time.monotonic() + RUN_LIMIT_S
    while run["state_type"] not in ("COMPLETED", "FAILED", "CRASHED") and time.monotonic() < deadline:
        time.sleep(1)
        [run] = services.api("flow_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert run["state_type"] == "COMPLETED", run["state"]
    [packed] = (path for path in (tmp_path / "runs" / "pack").iterdir() if path.is_dir())
    manifest = Artifact(root=str(tmp_path / "runs"), stage="pack", fingerprint=packed.name).manifest()
    assert manifest.counts.rows_out == 8


def test_down_ends_what_up_started_and_nothing_else(services: Services) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        ours = {pid for service in services.recorded.values() for pid in family(service["pid"])}
        assert services.dalle("down") == "Ended: worker, server.\n"
        assert not any(psutil.pid_exists(pid) for pid in ours)
        assert is_free(services.port)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
