"""The machines that the drills of this folder run on."""

import subprocess
import sys
import time

import pytest
from support.machines import INTERFACE, machines, needs_machines

pytestmark = needs_machines

LISTEN = "import socket; s = socket.create_server(('', 4000)); print(1, flush=True); print(s.accept()[0].recv(9))"
SAY = "import socket, sys; s = socket.create_connection((sys.argv[1], 4000), timeout=1); s.send(b'hello')"


def test_machines_reach_each_other_and_nothing_else() -> None:
    with machines(2) as (first, second):
        listener = first.start([sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True)
        assert listener.stdout.readline() == "1\n"
        second.run([sys.executable, "-c", SAY, first.address])
        assert listener.communicate(timeout=10)[0] == "b'hello'\n"
        assert first.run(["ip", "route"]).split("\n") == [
            f"10.77.0.0/24 dev {INTERFACE} proto kernel scope link src {first.address} ",
            "",
        ]


def test_a_cut_cable_loses_what_is_sent_and_a_mended_one_carries_it_again() -> None:
    with machines(2) as (first, second):
        listener = first.start([sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True)
        assert listener.stdout.readline() == "1\n"
        first.cut()
        with pytest.raises(subprocess.CalledProcessError):
            second.run([sys.executable, "-c", SAY, first.address])
        assert listener.poll() is None
        first.mend()
        second.run([sys.executable, "-c", SAY, first.address])
        assert listener.communicate(timeout=10)[0] == "b'hello'\n"


def test_nothing_is_left_of_machines_and_what_runs_on_them() -> None:
    with machines(2) as both:
        sleepers = [each.start(["sleep", "600"], start_new_session=True) for each in both]
        while not all(each.processes() for each in both):
            time.sleep(0.01)
        both[1].lose()
        assert both[0].processes()
        assert subprocess.run(["ip", "netns", "exec", both[1].name, "true"], capture_output=True).returncode != 0
    assert [sleeper.wait(5) for sleeper in sleepers] == [-9, -9]
    assert both[0].name not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
