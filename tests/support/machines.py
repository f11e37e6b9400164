"""Machines of a private network on this one: network namespaces that share its files and its processes' numbers.

The network has a namespace of its own too, in which a bridge joins the machines. So it reaches nothing else, nothing
else reaches it, and two of them may use the same addresses at the same time.
"""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

INTERFACE = "eth0"  # of every machine
EXEC = ("ip", "netns", "exec")  # with a machine's name and a command: runs the command on that machine
GONE_S = 20.0


@dataclass(frozen=True)
class Machine:
    """One machine, named as its namespace.

    Attributes:
        port: the bridge's side of its cable.
    """

    name: str
    address: str
    switch: str
    port: str

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """A process on this machine."""
        return subprocess.Popen([*EXEC, self.name, *command], **options)

    def run(self, command: Sequence[str]) -> str:
        """What a command on this machine prints, once it has ended well."""
        return subprocess.run([*EXEC, self.name, *command], check=True, capture_output=True, text=True).stdout

    def cut(self) -> None:
        """No packet reaches this machine or leaves it from now on, and nobody is told."""
        _ip("-n", self.switch, "link", "set", self.port, "down")

    def mend(self) -> None:
        """Undo `cut`."""
        _ip("-n", self.switch, "link", "set", self.port, "up")

    def processes(self) -> list[psutil.Process]:
        """What runs on this machine; not what has ended and nobody has collected yet."""
        found = []
        for pid in _ip("netns", "pids", self.name).split():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def kill_all(self) -> None:
        """End everything on this machine by SIGKILL, and return when it is gone."""
        deadline = time.monotonic() + GONE_S
        while running := self.processes():
            assert time.monotonic() < deadline, f"{running} do not end"
            for process in running:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.02)

    def lose(self) -> None:
        """As when its power fails: nothing on it runs any more, and no command reaches it."""
        self.cut()
        self.kill_all()
        _ip("netns", "delete", self.name)


@contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """Machines that reach each other and nothing else; at the end all that runs on them is killed."""
    network = f"dalle-{uuid.uuid4().hex[:8]}"
    switch = f"{network}-switch"
    made = [Machine(f"{network}-{i}", f"10.77.0.{i + 1}", switch, f"port{i}") for i in range(count)]
    try:
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for each in made:
            _plug_in(each)
        yield made
    finally:
        there = set(_names())
        for each in made:
            if each.name in there:
                each.kill_all()
                _ip("netns", "delete", each.name)
        if switch in there:
            _ip("netns", "delete", switch)


def _plug_in(machine: Machine) -> None:
    _ip("netns", "add", machine.name)
    cable = ("link", "add", machine.port, "type", "veth", "peer", "name", INTERFACE, "netns", machine.name)
    _ip("-n", machine.switch, *cable)
    _ip("-n", machine.switch, "link", "set", machine.port, "master", "bridge")
    _ip("-n", machine.switch, "link", "set", machine.port, "up")
    _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", INTERFACE)
    for interface in (INTERFACE, "lo"):
        _ip("-n", machine.name, "link", "set", interface, "up")


def _names() -> list[str]:
    return [line.split()[0] for line in _ip("netns", "list").splitlines()]


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
    return done.stdout


def why_not() -> str | None:
    """Why no machine can be made here; None if they can be."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network namespaces need Linux and its program `ip` (iproute2)"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    try:
        with machines(1):
            return None
    except AssertionError as error:
        return f"no network of namespaces can be made: {error}"


needs_machines = pytest.mark.skipif((reason := why_not()) is not None, reason=reason or "")
