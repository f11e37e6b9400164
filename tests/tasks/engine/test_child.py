"""Children answer jobs, say why when they cannot, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from support.processes import children_running, ends

from tasks.engine.child import Child, ask_child
from tasks.errors import ChildFailedError

TOY = "support.toy_child"
TESTS = str(Path(__file__).parents[2])
PARENT = f"""
from tasks.engine.child import ask_child
ask_child({{}}, "A job", "{TOY}")
print("asked", flush=True)
ask_child({{"seconds": 600}}, "A job", "{TOY}")
"""


@pytest.fixture(autouse=True)
def _toy_child_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", TESTS)


def wait_for_children(module: str, parent: int) -> list[psutil.Process]:
    for _ in range(1000):
        if found := children_running(module, parent):
            return found
        time.sleep(0.02)
    raise AssertionError(f"{parent} started no {module}")


def test_one_child_answers_one_job_after_another():
    with Child(TOY) as child:
        answers = [child.ask({"text": text}, "A job") for text in ("straße", "\udcff", "x" * 300_000)]
    assert [answer["text"] for answer in answers] == ["straße", "\udcff", "x" * 300_000]
    assert len({answer["pid"] for answer in answers}) == 1


def test_what_a_child_prints_is_not_taken_for_its_answer():
    with Child(TOY) as child:
        assert child.ask({"say": '{"text": "a lie"}', "text": "the truth"}, "A job")["text"] == "the truth"


def test_a_child_ends_when_it_is_closed():
    with Child(TOY) as child:
        process = psutil.Process(child.ask({}, "A job")["pid"])
    assert ends(process)


def test_a_child_that_fails_is_one_sentence_with_its_last_words():
    with (
        Child(TOY) as child,
        pytest.raises(ChildFailedError, match=r"^A job ended early \(ValueError: no luck; exit status 1\)\.$"),
    ):
        child.ask({"fail": "no luck"}, "A job")


def test_a_child_that_cannot_start_says_why():
    with Child("support.no_such_child") as child, pytest.raises(ChildFailedError, match="No module named"):
        child.ask({}, "A job")


def test_a_killed_child_is_one_sentence():
    with Child(TOY) as child:
        process = psutil.Process(child.ask({}, "A job")["pid"])
        threading.Timer(0.2, process.kill).start()
        with pytest.raises(ChildFailedError, match=r"^A job ended early \(it printed nothing; killed by SIGKILL\)\.$"):
            child.ask({"seconds": 600, "say": ""}, "A job")


def test_a_kept_child_answers_the_next_job():
    first, second = (ask_child({}, "A job", TOY) for _ in range(2))
    assert first == second


def test_a_kept_child_that_has_died_is_replaced():
    first = ask_child({}, "A job", TOY)
    process = psutil.Process(first["pid"])
    process.kill()
    process.wait(20)
    assert ask_child({}, "A job", TOY)["pid"] != first["pid"]


def test_a_child_that_failed_is_not_asked_again():
    with pytest.raises(ChildFailedError):
        ask_child({"fail": "no luck"}, "A job", TOY)
    assert ask_child({"text": "fine"}, "A job", TOY)["text"] == "fine"


def test_threads_do_not_share_a_child():
    pids = []
    threads = [
        threading.Thread(target=lambda: pids.append(ask_child({"seconds": 0.5}, "A job", TOY)["pid"])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 2


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_child_at_work_ends_with_its_parent(end):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(TESTS).parent
    ) as parent:
        assert parent.stdout.readline() == b"asked\n"
        (child,) = wait_for_children(TOY, parent.pid)
        os.kill(parent.pid, end)
        assert ends(child)
