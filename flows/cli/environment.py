"""What Prefect and its server read from the environment; set before Prefect is imported. Imports nothing heavy."""

import atexit
import base64
import gc
import json
import os
from pathlib import Path
from urllib.request import Request

from tasks.errors import ConfigError

PASSWORD = "PREFECT_API_AUTH_STRING"  # what Prefect's clients log in with
_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # V1 shows Cancel and Retry on the run page; V2 calls a third party
    "DO_NOT_TRACK": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "WANDB_MODE": "disabled",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",  # Dask's workers leave a semaphore behind at exit
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # Prefect's own would outlive a killed run
    # A lost server is told after 14 s (2 + 4 + 8) instead of a minute; the run goes on without it.
    "PREFECT_CLIENT_MAX_RETRIES": "3",
    "OMP_WAIT_POLICY": "PASSIVE",  # see `prepare_to_draw`
}
# A server that ends with the run has no automations to trigger, and its event feed is not read. Both services write to
# the SQLite file that the run uses, and on a busy machine the run would wait seconds for them.
_IN_PROCESS = {
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
}

_IN_TERMINAL = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL"}


def prepare_to_draw() -> None:
    """Settings for a process that draws, made before torch is imported.

    torch and transformers make a million objects that stay. Python looks through them for cycles again and again while
    they are imported, and several times at exit: 1.4 s of the 5 s that a short drawing takes. And torch's threads are
    to sleep while they wait for each other: beside other work, busy waiting has made a minute of half a second.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def state_folder() -> Path:
    """Where the command line keeps Prefect's database, logs and the list of services; `DALLE_STATE` moves it."""
    return Path(os.environ.get("DALLE_STATE", ".dalle")).absolute()


def prepare(services: bool = False) -> None:
    """Sets what is not set yet. Without an API address Prefect starts a server inside the run.

    Args:
        services: True for a server and a worker that keep running and write their own logs; False for one run in a
            terminal, whose log goes to the server only.

    Raises:
        ConfigError: the state folder cannot be made.
    """
    defaults = _QUIET | {"PREFECT_HOME": str(state_folder() / "prefect")}
    if not services:
        defaults |= _IN_PROCESS | _IN_TERMINAL
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    home = Path(os.environ["PREFECT_HOME"])
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"Cannot make {home} ({error.strerror}): set DALLE_STATE to a writable folder.") from error


def services_file() -> Path:
    """The record of what `dalle up` started."""
    return state_folder() / "services.json"


def use_running_server() -> str | None:
    """Points Prefect at the server `dalle up` started, if one is alive and no other address is set.

    Returns:
        The API address in use; None if the run will start its own server.
    """
    if not os.environ.get("PREFECT_API_URL") and services_file().exists():
        from tasks.engine.lock import is_alive

        server = json.loads(services_file().read_text()).get("server")
        if server and is_alive(server["pid"], server["started"]):
            os.environ["PREFECT_API_URL"] = server["api"]
            if server.get("password_file"):
                use_password_file(Path(server["password_file"]))
    return os.environ.get("PREFECT_API_URL")


def password_of(file: Path) -> str:
    """The `user:password` in a file.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The password file {file} cannot be read: {error}.") from error
    user, colon, secret = password.partition(":")
    if not (user and colon and secret) or len(password.split()) != 1:
        raise ConfigError(f"The password file {file} must hold one line, user:password.")
    return password


def use_password_file(file: Path) -> None:
    """Lets this process and those it starts log in to the server, unless a password is set already."""
    if not os.environ.get(PASSWORD):
        os.environ[PASSWORD] = password_of(file)


def request(url: str) -> Request:
    """A request to the server, with the password if one is set."""
    password = os.environ.get(PASSWORD)
    login = {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"} if password else {}
    return Request(url, headers=login)
