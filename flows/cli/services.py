"""`dalle up` starts a Prefect server and a worker on this machine; `dalle down` ends exactly these."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from flows.cli import environment
from flows.cli.crashed import end_crashed
from flows.cli.deploy import deploy
from flows.cli.doctor import is_free
from models.config import Frozen
from tasks.engine import storage
from tasks.engine.lock import is_alive
from tasks.errors import PipelineError, PortInUseError

START_LIMIT_S = 120.0
END_LIMIT_S = 15.0
POOL = "local"
DEPLOYMENTS = environment.PROJECT / "infra" / "prefect.yaml"


class ServiceError(PipelineError):
    """A service did not start."""


class Service(Frozen):
    """A process that `up` started, identified by id and start time together, because ids are reused."""

    pid: int
    started: float
    api: str
    password_file: str | None = None

    @property
    def alive(self) -> bool:
        return is_alive(self.pid, self.started)

    @property
    def ui(self) -> str:
        return self.api.removesuffix("/api")


def up(
    port: int,
    prefect_file: Path,
    password_file: Path | None = None,
    tell: Callable[[str], None] = lambda phase: None,
) -> Service:
    """Starts what is not running yet, and creates the deployments. A second call changes nothing.

    The server listens on this machine alone, and lets pages of its own address alone read and send.

    Args:
        password_file: holds `user:password`, which the server then asks every request for.
        tell: called with what is waited for next.

    Raises:
        ConfigError: the password file cannot be read or holds no `user:password`.
        PortInUseError: another program listens on the port.
        ServiceError: a service ended right after its start.
    """
    environment.prepare(services=True)
    services = running()
    server = services.get("server")
    if server is None:
        password = environment.password_of(password_file) if password_file else None
        server = _start_server(port, password, password_file)
    if server.password_file:
        environment.use_password_file(Path(server.password_file))
    tell("Waiting for the Prefect server; its first start makes its database and takes up to a minute")
    _wait_for("health", "server", server)
    # The worker creates its work pool, which the deployments need.
    worker = services.get("worker")
    if worker is None:
        tell("Looking for runs whose process was killed")
        for name in end_crashed(server.api, POOL):
            tell(f"Run {name} is set to Crashed: its process was killed")
        worker = _start_worker(server.api)
    tell("Waiting for the worker")
    _wait_for(f"work_pools/{POOL}", "worker", worker)
    tell("Creating the deployments")
    deploy(server.api, prefect_file)
    return server


def down() -> list[str]:
    """Ends what `up` started, children included, and nothing else; returns the names of what it ended."""
    ended = []
    for name, service in sorted(running().items(), reverse=True):  # the worker first: it reports to the server
        _end(service.pid)
        ended.append(name)
    environment.services_file().unlink(missing_ok=True)
    return ended


def running() -> dict[str, Service]:
    """The recorded services that are alive."""
    file = environment.services_file()
    if not file.exists():
        return {}
    recorded = {name: Service.model_validate(value) for name, value in json.loads(file.read_text()).items()}
    return {name: service for name, service in recorded.items() if service.alive}


def _start_server(port: int, password: str | None, password_file: Path | None) -> Service:
    if not is_free(port):
        raise PortInUseError(f"Port {port} is in use by another program: choose another with `dalle up --port`.")
    api = f"http://127.0.0.1:{port}/api"
    command = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    own = {"PREFECT_SERVER_UI_API_URL": api} | allowed_origins(port)
    if password is not None:
        own["PREFECT_SERVER_API_AUTH_STRING"] = password
    return _start("server", command, api, own, password_file)


def allowed_origins(port: int) -> dict[str, str]:
    """Settings of a server that only pages of its own UI may use: Prefect's default lets pages of any site do so.

    Without these, a web page open in the same browser could create a deployment and so run code on this machine.
    """
    return {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        "PREFECT_SERVER_CORS_ALLOWED_METHODS": "GET,POST,PUT,PATCH,DELETE",
        # A browser sends some requests of other origins without asking first: they lack the token that only pages of
        # an allowed origin can read.
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    }


def _start_worker(api: str) -> Service:
    command = ["worker", "start", "--pool", POOL, "--type", "process", "--name", "dalle"]
    return _start("worker", command, api, {"PREFECT_WORKER_QUERY_SECONDS": "3"})


def _start(
    name: str, arguments: list[str], api: str, extra: Mapping[str, str], password_file: Path | None = None
) -> Service:
    log = log_file(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PREFECT_API_URL": api, **extra}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=environment.PROJECT,
            env=env,
            start_new_session=True,  # Ctrl-C in the terminal must not end it
        )
    service = Service(pid=process.pid, started=psutil.Process(process.pid).create_time(), api=api)
    if password_file is not None:
        service = service.model_copy(update={"password_file": str(password_file.absolute())})
    kept = {other: value.model_dump() for other, value in running().items()}
    storage.write_json(str(environment.services_file()), kept | {name: service.model_dump()})
    return service


def log_file(name: str) -> Path:
    """The log file of a service."""
    return environment.state_folder() / "logs" / f"{name}.log"


def _wait_for(path: str, name: str, service: Service) -> None:
    """Waits until the server answers at `path`, which it does once the service is ready."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if not service.alive:
            raise ServiceError(f"The Prefect {name} ended while it started; the reason is in {log_file(name)}.")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(environment.request(f"{service.api}/{path}"), timeout=2),
        ):
            return
        time.sleep(0.3)
    raise ServiceError(f"The Prefect {name} was not ready within {START_LIMIT_S:.0f} s; see {log_file(name)}.")


def _end(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]  # listed before the root ends, as its children are found by it
        root.terminate()
        _, left = psutil.wait_procs(family, END_LIMIT_S)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, END_LIMIT_S)
