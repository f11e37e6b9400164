"""One writer at a time: a lease file beside the artifact, renewed while its owner runs."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tasks.engine import storage
from tasks.errors import StageBusyError

RENEW_S = 20.0
EXPIRE_S = 90.0  # several renewals, so that one slow write does not lose the lease


@contextmanager
def only_writer(uri: str) -> Iterator[None]:
    """Holds the lease file `uri` during the block.

    A lease is taken over if its process has ended (on this host), or if it was not renewed for EXPIRE_S.

    Raises:
        StageBusyError: a running process holds it.
    """
    owner = uuid.uuid4().hex
    if not storage.create_exclusively(uri, _lease(owner)):
        _remove_if_abandoned(uri)
        if not storage.create_exclusively(uri, _lease(owner)):
            raise StageBusyError(f"Another run has just started to write {uri.removesuffix('.lock')}: wait for it.")
    stop = threading.Event()
    renewal = threading.Thread(target=_renew, args=(uri, owner, stop), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        stop.set()
        renewal.join()
        storage.remove(uri)


def is_held(uri: str) -> bool:
    """Whether a running process holds the lease file `uri`."""
    try:
        return _is_held(storage.read_json(uri))
    except FileNotFoundError:
        return False


def _lease(owner: str) -> bytes:
    process = psutil.Process()
    lease = {
        "owner": owner,
        "host": socket.gethostname(),
        "pid": process.pid,
        "process_started": process.create_time(),
        "renewed": time.time(),
    }
    return json.dumps(lease).encode()


def _renew(uri: str, owner: str, stop: threading.Event) -> None:
    while not stop.wait(RENEW_S):
        storage.write_bytes(uri, _lease(owner))


def _remove_if_abandoned(uri: str) -> None:
    try:
        lease = storage.read_json(uri)
    except FileNotFoundError:
        return
    if _is_held(lease):
        raise StageBusyError(
            f"Process {lease['pid']} on {lease['host']} is writing {uri.removesuffix('.lock')}: "
            "wait for it, or end it and run again."
        )
    storage.remove(uri)


def _is_held(lease: dict) -> bool:
    if time.time() - lease["renewed"] > EXPIRE_S:
        return False
    return lease["host"] != socket.gethostname() or is_alive(lease["pid"], lease["process_started"])


def is_alive(pid: int, started: float) -> bool:
    """Whether the process with this id is still the one that started at `started` (Unix seconds)."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
