"""Trainings as Jobs of Kubernetes: a pod for each node, found again by the Job's name.

A Job of batch/v1 with indexed pods is enough, and every cluster has it: its pods have fixed host names, by which the
agents of torchrun meet, and it starts those anew that are evicted. JobSet and Kubeflow would do the same and need an
operator to be installed first. Where pods must start all or none, Kueue admits plain Jobs (`queue`).
"""

import hashlib
import time
from pathlib import Path
from typing import Literal

from pydantic import Field

from models.config import Frozen
from tasks.errors import ConfigError, LauncherError
from tasks.launch.kubernetes.api import BATCH, CORE, MANIFEST, Api, ConflictError, UnreachableError
from tasks.launch.kubernetes.manifest import SERVICE, training_job
from tasks.launch.kubernetes.status import is_over, job_state
from tasks.launch.launcher import JobState, Phase

ENDS_WITHIN_S = 120.0  # beyond the grace period: for the cluster to notice and to delete


class KubernetesLauncher(Frozen):
    """Starts trainings in the namespace of a cluster. The id of a job is its name, which its folder decides."""

    kind: Literal["kubernetes"] = "kubernetes"
    image: str = Field(description="Container image with this project, as infra/Dockerfile makes it.")
    volume_claim: str = Field(description="PersistentVolumeClaim (ReadWriteMany) that holds the work folder.")
    volume_path: str = Field("/work", description="Where it is mounted, here and in the pods; --work-dir is below it.")
    namespace: str = "dalle"
    api: str | None = Field(None, description="Address of `kubectl proxy`; if unset, the account of this pod is used.")
    nodes: int = Field(1, ge=1, description="Pods of a training.")
    processes_per_node: int = Field(1, ge=1, description="Training processes of a pod, one for each of its GPUs.")
    gpu_resource: str | None = Field("nvidia.com/gpu", description="What a GPU is called; none is asked for if unset.")
    cpu: str = Field("4", description="Requested by a pod, as Kubernetes writes it.")
    memory: str = Field("16Gi", description="Requested by a pod, and its limit.")
    shared_memory: str = Field("8Gi", description="/dev/shm of a pod, which counts as its memory.")
    node_selector: dict[str, str] = Field({}, description="Labels of the nodes to run on.")
    queue: str | None = Field(None, description="Queue of Kueue that admits the Jobs; it starts all pods or none.")
    secret: str | None = Field(None, description="Secret whose entries become environment variables, as for S3.")
    restarts: int = Field(
        3, ge=0, description="How often a training that failed is started again; evictions do not count."
    )
    grace_s: int = Field(120, ge=0, description="From SIGTERM to SIGKILL, in which a checkpoint is written.")
    poll_s: float = Field(5.0, gt=0, description="Seconds between two looks at a training.")

    @property
    def ranks_per_node(self) -> int:
        """Training processes of a pod."""
        return self.processes_per_node

    def require(self) -> None:
        """The API answers, and has the volume and, for several nodes, the service by which pods find each other.

        Raises:
            ConfigError: not so.
        """
        try:
            api = self._api()
            api.get(BATCH, "jobs", limit=1)
            if api.get(CORE, f"persistentvolumeclaims/{self.volume_claim}") is None:
                raise ConfigError(
                    f"Kubernetes has no claim {self.volume_claim} in namespace {self.namespace}: make one that many "
                    "nodes can write, or name another with launcher.volume_claim."
                )
            if self.nodes > 1 and api.get(CORE, f"services/{SERVICE}") is None:
                raise ConfigError(
                    f"Kubernetes has no service {SERVICE} in namespace {self.namespace}, by which the pods of a "
                    f"training find each other: apply {MANIFEST}."
                )
        except LauncherError as error:
            raise ConfigError(str(error)) from error

    def find(self, folder: Path) -> str | None:
        """Found by its name."""
        job = self._api().get(BATCH, f"jobs/{self.name(folder)}")
        return None if job is None or is_over(job) else self.name(folder)

    def submit(self, module: str, folder: Path) -> str:
        """Creates the Job, in place of an earlier one of this folder that is over."""
        if not folder.is_relative_to(self.volume_path):
            raise LauncherError(
                f"The pods of a training see {self.volume_path} alone, and {folder} is not below it: choose a "
                "--work-dir there, or another launcher.volume_path."
            )
        name = self.name(folder)
        manifest = training_job(self, name, module, folder).manifest()
        try:
            self._api().post(BATCH, "jobs", manifest)
        except ConflictError:
            if self.find(folder) is None:
                self.cancel(name)
                self._api().post(BATCH, "jobs", manifest)
        return name

    def state(self, job: str) -> JobState:
        """As the conditions of the Job and of its pods say it."""
        try:
            found = self._api().get(BATCH, f"jobs/{job}")
            return job_state(found, self._pods(job) if found else [], self.nodes)
        except UnreachableError as error:
            return JobState(Phase.RUNNING, str(error))

    def cancel(self, job: str) -> None:
        """Deletes the Job; its pods get SIGTERM, and SIGKILL after `grace_s`."""
        deadline = time.monotonic() + self.grace_s + ENDS_WITHIN_S
        problem = "its pods are still there"
        while time.monotonic() < deadline:
            try:
                self._api().delete(BATCH, f"jobs/{job}")
                if self._api().get(BATCH, f"jobs/{job}") is None and not self._pods(job):
                    return
            except UnreachableError as error:
                problem = str(error)
            time.sleep(min(1.0, self.poll_s))
        raise LauncherError(f"Job {job} of Kubernetes does not end ({problem}): kubectl delete job {job}.")

    def name(self, folder: Path) -> str:
        """The name of the Job of a folder: the same for every process that asks."""
        return "dalle-" + hashlib.sha256(f"{self.volume_claim}:{folder}".encode()).hexdigest()[:20]

    def _pods(self, job: str) -> list[dict]:
        found = self._api().get(CORE, "pods", labelSelector=f"batch.kubernetes.io/job-name={job}")
        return found["items"] if found else []

    def _api(self) -> Api:
        return Api(self.api, self.namespace)
