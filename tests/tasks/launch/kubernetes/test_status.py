"""The states of a training, read from the status of its Job and pods as Kubernetes writes them."""

from typing import Any

import pytest

from tasks.launch.kubernetes.status import job_state
from tasks.launch.launcher import JobState, Phase

Object = dict[str, Any]


def job(*conditions: str, **told: str) -> Object:
    return {"metadata": {"name": "j"}, "status": {"conditions": [_true(each, **told) for each in conditions]}}


def pod(phase: str, name: str = "j-0-abcde", **status: Any) -> Object:
    return {"metadata": {"name": name}, "status": {"phase": phase, **status}}


def _true(kind: str, **told: str) -> Object:
    return {"type": kind, "status": "True", **told}


def waiting(reason: str, message: str = "") -> Object:
    return pod("Pending", containerStatuses=[{"state": {"waiting": {"reason": reason, "message": message}}}])


def terminated(reason: str, code: int, at: str = "2026-01-01T00:00:00Z", name: str = "j-0-abcde") -> Object:
    ended = {"terminated": {"reason": reason, "exitCode": code, "finishedAt": at}}
    return pod("Failed", name, containerStatuses=[{"state": ended}])


UNSCHEDULABLE = pod(
    "Pending",
    conditions=[
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }
    ],
)
EVICTED = pod("Failed", reason="Evicted", message="The node was low on resource: memory.")
PREEMPTED = pod("Failed", conditions=[_true("DisruptionTarget", reason="PreemptionByScheduler", message="preempted")])


@pytest.mark.parametrize(
    ("found", "pods", "phase", "reason"),
    [
        (job(), [], "waiting", "for its pods"),
        (job(), [waiting("ContainerCreating")], "waiting", "for its pods"),
        (job(), [UNSCHEDULABLE], "waiting", "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        (job(), [waiting("ImagePullBackOff", "no image")], "waiting", "ImagePullBackOff: no image"),
        (job("Suspended", reason="JobSuspended", message="by Kueue"), [], "waiting", "JobSuspended: by Kueue"),
        (job(), [pod("Running")], "running", ""),
        (job("Complete"), [pod("Succeeded")], "ended", ""),
        (None, [], "ended", "its Job is not in Kubernetes any more"),
        (
            job("Failed", reason="BackoffLimitExceeded"),
            [terminated("OOMKilled", 137)],
            "ended",
            "BackoffLimitExceeded; j-0-abcde: OOMKilled, code 137",
        ),
        (
            job(),
            [EVICTED, waiting("ContainerCreating")],
            "waiting",
            "for its pods; j-0-abcde: Evicted: The node was low on resource: memory.",
        ),
        (job(), [PREEMPTED], "waiting", "for its pods; j-0-abcde: PreemptionByScheduler: preempted"),
        (job("FailureTarget"), [pod("Running")], "running", ""),
    ],
)
def test_a_status_is_read(found: Object | None, pods: list[Object], phase: str, reason: str) -> None:
    assert job_state(found, pods, nodes=1) == JobState(Phase(phase), reason)


def test_a_training_runs_when_all_its_pods_do() -> None:
    assert job_state(job(), [pod("Running"), UNSCHEDULABLE], nodes=2).phase is Phase.WAITING
    assert job_state(job(), [pod("Running"), pod("Running")], nodes=2).phase is Phase.RUNNING
    assert job_state(job(), [EVICTED, pod("Running"), pod("Running")], nodes=2) == JobState(Phase.RUNNING)


def test_of_several_failed_pods_the_last_is_told() -> None:
    pods = [terminated("Error", 1, "2026-01-02T00:00:00Z", "late"), terminated("Error", 2, name="early")]
    assert job_state(job(), pods, nodes=1).reason == "for its pods; late: Error, code 1"
