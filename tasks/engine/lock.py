"""One writer at a time: a lease file beside the artifact, renewed while its owner runs."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tasks.engine import conditional
from tasks.errors import DamagedArtifactError, LeaseLostError, StageBusyError, StorageError

RENEW_S = 20.0
EXPIRE_S = 90.0  # several renewals, so that one slow write does not lose the lease


class Lease:
    """The lease file `uri`, held by this process until another one takes it over."""

    def __init__(self, uri: str, content: bytes) -> None:
        self.uri = uri
        self.owner = str(json.loads(content)["owner"])
        self._content = content
        self._renewed = time.monotonic()
        self._lost = ""
        self._stop = threading.Event()
        self._renewal = threading.Thread(target=self._keep, daemon=True)
        self._renewal.start()

    def check(self) -> None:
        """Asks nobody: whether the last renewal found the lease to be lost.

        Raises:
            LeaseLostError: another run has it.
        """
        if self._lost:
            raise LeaseLostError(f"{_stopped(self.uri)}: {self._lost}.")

    def release(self) -> None:
        """Removes the lease file if it is still this owner's."""
        self._stop.set()
        self._renewal.join()
        with suppress(StorageError):  # it expires by itself
            conditional.swap(self.uri, self._content, None)

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_S):
            renewed = _content(self.owner)
            try:
                if not conditional.swap(self.uri, self._content, renewed):
                    self._lost = "another run has taken over its lease, or the lease file was changed"
                    return
                self._content, self._renewed = renewed, time.monotonic()
            except StorageError as error:
                if time.monotonic() - self._renewed > EXPIRE_S:
                    self._lost = f"its lease could not be renewed ({error})"
                    return


@contextmanager
def only_writer(uri: str) -> Iterator[Lease]:
    """Holds the lease file `uri` during the block.

    A lease is taken over if its process has ended (on this host), or (on another host) if it was not renewed for
    EXPIRE_S by the clock of the storage. Of several that try, exactly one takes it.

    Raises:
        StageBusyError: a running process holds it.
        DamagedArtifactError: the file is not a lease.
    """
    content = _content(uuid.uuid4().hex)
    if not conditional.swap(uri, None, content):
        _take_over(uri, content)
    lease_held = Lease(uri, content)
    try:
        yield lease_held
    finally:
        lease_held.release()


def _take_over(uri: str, content: bytes) -> None:
    found = conditional.read(uri)
    if found is not None and _is_held(uri, found):
        lease = _parsed(uri, found.data)
        raise StageBusyError(
            f"Process {lease['pid']} on {lease['host']} is writing {_artifact(uri)}: "
            "wait for it, or end it and run again."
        )
    if not conditional.swap(uri, found.data if found else None, content):
        raise StageBusyError(f"Another run has just started to write {_artifact(uri)}: wait for it.")


def is_held(uri: str) -> bool:
    """Whether a running process holds the lease file `uri`.

    Raises:
        DamagedArtifactError: the file is not a lease.
    """
    found = conditional.read(uri)
    return found is not None and _is_held(uri, found)


def check_owner(uri: str, owner: str) -> None:
    """Reads the lease file: to be called before a write that another owner must not see overwritten.

    Raises:
        LeaseLostError: it is not this owner's any more.
    """
    found = conditional.read(uri)
    if found is None or _parsed(uri, found.data)["owner"] != owner:
        raise LeaseLostError(f"{_stopped(uri)}: another run has taken over its lease, or the lease file was removed.")


def lease_uri(artifact_uri: str) -> str:
    """URL of the lease file of an artifact."""
    return f"{artifact_uri}.lock"


def _artifact(uri: str) -> str:
    return uri.removesuffix(".lock")


def _stopped(uri: str) -> str:
    return f"Stopped writing {_artifact(uri)}, so that two runs do not mix their files; run again to go on"


def _content(owner: str) -> bytes:
    process = psutil.Process()
    lease = {
        "owner": owner,
        "host": socket.gethostname(),
        "kernel": _kernel(),
        "pid": process.pid,
        "process_started": process.create_time(),
        "renewed": time.time(),
    }
    return json.dumps(lease).encode()


def _kernel() -> str:
    """Names the boot and the container of this process, within which a process id means one process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux
        return socket.gethostname()


def _parsed(uri: str, data: bytes) -> dict[str, Any]:
    try:
        lease = json.loads(data)
        return {
            "owner": str(lease["owner"]),
            "host": str(lease["host"]),
            "kernel": lease.get("kernel"),
            "pid": int(lease["pid"]),
            "process_started": float(lease["process_started"]),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedArtifactError(
            f"{uri} cannot be read as a lease: if no other run is writing {_artifact(uri)}, delete it and run again."
        ) from error


def _is_held(uri: str, found: conditional.Stored) -> bool:
    lease = _parsed(uri, found.data)
    if lease["kernel"] == _kernel():
        return is_alive(lease["pid"], lease["process_started"])  # however long it has been paused
    return found.age_s <= EXPIRE_S


def is_alive(pid: int, started: float) -> bool:
    """Whether the process with this id is still the one that started at `started` (Unix seconds)."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
