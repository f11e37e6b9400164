"""The objects of the Kubernetes API that a training is made of, as far as it uses their fields (batch/v1 and v1)."""

from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from models.config import Frozen


class KubernetesObject(Frozen):
    """A part of a manifest: fields have the API's names, in Python's spelling."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    def manifest(self) -> dict[str, Any]:
        """As the API takes it; what is None is left to the cluster."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(KubernetesObject):
    name: str | None = None
    labels: dict[str, str]
    annotations: dict[str, str] | None = None


class EnvVar(KubernetesObject):
    name: str
    value: str


class SecretReference(KubernetesObject):
    name: str


class EnvFrom(KubernetesObject):
    secret_ref: SecretReference


class Resources(KubernetesObject):
    requests: dict[str, str]
    limits: dict[str, str]


class VolumeMount(KubernetesObject):
    name: str
    mount_path: str


class Claim(KubernetesObject):
    claim_name: str


class EmptyDir(KubernetesObject):
    medium: Literal["Memory"]
    size_limit: str


class Volume(KubernetesObject):
    name: str
    persistent_volume_claim: Claim | None = None
    empty_dir: EmptyDir | None = None


class Container(KubernetesObject):
    name: str
    image: str
    command: list[str]
    env: list[EnvVar]
    env_from: list[EnvFrom]
    resources: Resources
    volume_mounts: list[VolumeMount]


class PodSpec(KubernetesObject):
    subdomain: str
    restart_policy: Literal["Never"] = "Never"
    termination_grace_period_seconds: int
    automount_service_account_token: bool = False
    enable_service_links: bool = False
    node_selector: dict[str, str]
    containers: list[Container]
    volumes: list[Volume]


class PodTemplate(KubernetesObject):
    metadata: Metadata
    spec: PodSpec


class PodCondition(KubernetesObject):
    type: Literal["DisruptionTarget"]
    status: Literal["True"] = "True"


class FailureRule(KubernetesObject):
    action: Literal["Ignore"]
    on_pod_conditions: list[PodCondition]


class FailurePolicy(KubernetesObject):
    rules: list[FailureRule]


class JobSpec(KubernetesObject):
    completion_mode: Literal["Indexed"] = "Indexed"
    completions: int
    parallelism: int
    backoff_limit: int
    pod_failure_policy: FailurePolicy
    pod_replacement_policy: Literal["Failed"] = "Failed"
    ttl_seconds_after_finished: int
    template: PodTemplate


class TrainingJob(KubernetesObject):
    api_version: Literal["batch/v1"] = "batch/v1"
    kind: Literal["Job"] = "Job"
    metadata: Metadata
    spec: JobSpec
