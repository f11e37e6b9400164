"""Whole trainings by a stand-in for Kubernetes that starts the pods' commands as processes of this machine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.kubernetes import Cluster, cluster

from tasks.errors import TrainingFailedError
from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.run import launch

pytestmark = pytest.mark.end_to_end

TESTS = str(Path(__file__).parents[3])
RUN = """
import json, sys
from pathlib import Path
from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.run import launch
given, folder, job = json.loads(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
kubernetes = KubernetesLauncher.model_validate(given)
print(launch("support.toy_trainer", job, folder, kubernetes, lambda progress: None), flush=True)
"""


@pytest.fixture
def kubernetes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PYTHONPATH", TESTS)
    with cluster(runs_pods=True) as found:
        yield found


def given(kubernetes: Cluster, folder: Path, **changes: Any) -> dict[str, Any]:
    needed = {"image": "i", "poll_s": 0.1, "volume_claim": "work", "volume_path": str(folder)}
    return needed | {"api": kubernetes.url} | changes


def launched(kubernetes: Cluster, folder: Path, job: dict[str, Any], **changes: Any) -> dict[str, Any]:
    by = KubernetesLauncher.model_validate(given(kubernetes, folder, **changes))
    return launch("support.toy_trainer", job, folder, by, lambda progress: None)


def start_flow(kubernetes: Cluster, folder: Path, job: dict[str, Any]) -> subprocess.Popen[str]:
    words = [json.dumps(given(kubernetes, folder)), str(folder), json.dumps(job)]
    return subprocess.Popen([sys.executable, "-c", RUN, *words], stdout=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def starts(folder: Path) -> int:
    return (folder / "starts").read_text().count("started")


def test_a_training_runs_in_a_pod_and_its_folder_holds_its_log(kubernetes: Cluster, tmp_path: Path) -> None:
    assert launched(kubernetes, tmp_path, {"steps": 2, "seconds_per_step": 0.01}) == {"metrics": {"steps": 2}}
    assert (tmp_path / "trainer-0.log").exists()


def test_a_training_that_fails_says_why_and_can_be_started_again(kubernetes: Cluster, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailedError, match="the data is empty: name another"):
        launched(kubernetes, tmp_path, {"fail": "the data is empty: name another"})
    wrong = {"failing_rank": "0", "raise": "nothing to be done", "steps": 1, "seconds_per_step": 0.01}
    with pytest.raises(TrainingFailedError, match=r"BackoffLimitExceeded.*Error, code 1; .*nothing to be done"):
        launched(kubernetes, tmp_path, wrong)
    launched(kubernetes, tmp_path, {"steps": 1, "seconds_per_step": 0.01})


def test_the_pods_of_a_training_meet(kubernetes: Cluster, tmp_path: Path) -> None:
    launched(kubernetes, tmp_path, {"steps": 1, "seconds_per_step": 0.01, "join": True}, nodes=2)
    assert {path.name for path in tmp_path.glob("joined-*")} == {"joined-0", "joined-1"}
    assert {path.name for path in tmp_path.glob("trainer-*.log")} == {"trainer-0.log", "trainer-1.log"}


def test_a_killed_flow_finds_its_training_again(kubernetes: Cluster, tmp_path: Path) -> None:
    job = {"steps": 40, "seconds_per_step": 0.1}
    flow = start_flow(kubernetes, tmp_path, job)
    wait_for(tmp_path / "progress.json")
    flow.kill()
    flow.wait()
    assert launched(kubernetes, tmp_path, job) == {"metrics": {"steps": 40}}
    assert starts(tmp_path) == 1


def test_a_flow_that_is_told_to_end_deletes_its_training(kubernetes: Cluster, tmp_path: Path) -> None:
    flow = start_flow(kubernetes, tmp_path, {"steps": 1000, "seconds_per_step": 0.1})
    wait_for(tmp_path / "progress.json")
    flow.send_signal(signal.SIGTERM)
    assert flow.wait(60) == 128 + signal.SIGTERM
    assert kubernetes.jobs == {}
    [pod] = kubernetes.processes.values()
    assert pod.poll() is not None
