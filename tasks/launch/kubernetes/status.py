"""What the status of a Job and of its pods means for a training."""

from collections.abc import Iterable, Iterator
from typing import Any

from tasks.launch.launcher import JobState, Phase

Object = dict[str, Any]
# Why a container has not started, where waiting is all there is to do.
_USUAL = {"ContainerCreating", "PodInitializing"}


def job_state(job: Object | None, pods: Iterable[Object], nodes: int) -> JobState:
    """The state of a training.

    Args:
        job: as the API gives it; None if it is not there any more.
        pods: of the job, those too that ended.
        nodes: pods that run at the same time.
    """
    if job is None:
        return JobState(Phase.ENDED, "its Job is not in Kubernetes any more")
    pods = list(pods)
    told = {condition["type"]: condition for condition in _conditions(job) if condition["status"] == "True"}
    if "Complete" in told:
        return JobState(Phase.ENDED)
    if failed := told.get("Failed"):
        return JobState(Phase.ENDED, "; ".join([_words(failed), *_failures(pods)]))
    if "deletionTimestamp" in job["metadata"]:
        return JobState(Phase.RUNNING, "its Job is being deleted")
    if "Suspended" in told:
        return JobState(Phase.WAITING, _words(told["Suspended"]))
    running = [pod for pod in pods if _phase(pod) == "Running"]
    if len(running) >= nodes:
        return JobState(Phase.RUNNING)
    waits = next((why for pod in pods if _phase(pod) == "Pending" for why in _waits(pod)), "")
    gone = list(_failures(pods))
    return JobState(Phase.WAITING, "; ".join(filter(None, [waits or "for its pods", *gone[-1:]])))


def is_over(job: Object) -> bool:
    """Whether a Job has succeeded or failed for good."""
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in _conditions(job))


def _conditions(thing: Object) -> list[Object]:
    return list(thing.get("status", {}).get("conditions") or ())


def _phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def _words(told: Object) -> str:
    """`Reason: message`, as far as they are given."""
    return ": ".join(filter(None, [told.get("reason"), told.get("message")]))


def _containers(pod: Object, state: str) -> Iterator[Object]:
    for container in pod.get("status", {}).get("containerStatuses") or ():
        if state in container.get("state", {}):
            yield container["state"][state]


def _waits(pod: Object) -> Iterator[str]:
    """Why a pod has not started."""
    for condition in _conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield _words(condition)
    yield from (_words(told) for told in _containers(pod, "waiting") if told.get("reason") not in _USUAL)


def _failures(pods: Iterable[Object]) -> Iterator[str]:
    """How each pod that failed did so: evicted, out of memory, or with which exit code; in the order of their ends."""
    for pod in sorted(pods, key=_end):
        if _phase(pod) != "Failed":
            continue
        disrupted = [each for each in _conditions(pod) if each["type"] == "DisruptionTarget"]
        codes = [f"{told.get('reason', 'ended')}, code {told['exitCode']}" for told in _containers(pod, "terminated")]
        why = [_words(pod["status"]), *(_words(each) for each in disrupted), *codes]
        yield f"{pod['metadata']['name']}: {next(filter(None, why), 'failed')}"


def _end(pod: Object) -> str:
    return max((str(told.get("finishedAt") or "") for told in _containers(pod, "terminated")), default="")
