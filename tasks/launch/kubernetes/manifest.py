"""The manifest of a training: an indexed Job whose pods run torchrun's agent."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.launch.agent import MEETING_PLACES, agent_command, agent_environment
from tasks.launch.kubernetes.objects import (
    Claim,
    Container,
    EmptyDir,
    EnvFrom,
    EnvVar,
    FailurePolicy,
    FailureRule,
    JobSpec,
    Metadata,
    PodCondition,
    PodSpec,
    PodTemplate,
    Resources,
    SecretReference,
    TrainingJob,
    Volume,
    VolumeMount,
)

if TYPE_CHECKING:
    from tasks.launch.kubernetes.launcher import KubernetesLauncher

SERVICE = "dalle-trainers"  # headless; gives the pods of trainings names
LABELS = {"app.kubernetes.io/name": SERVICE}
PORT = 29400
KEPT_S = 86_400  # a Job that is over, to be looked at
MEET_WITHIN_S = 1800  # a pod may wait so long for the others to be scheduled
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


def training_job(launcher: "KubernetesLauncher", name: str, module: str, folder: Path) -> TrainingJob:
    """The Job of a training.

    A pod that is evicted, preempted or drained is replaced and does not count as a failure. One that fails for another
    reason, such as that a pod it talked to was evicted, is replaced too, up to `restarts` times for each node. What
    begins anew goes on from the last checkpoint.

    Args:
        name: of the Job, and so of its pods' hosts.
        module: the trainer, such as `models.dvae.train`.
        folder: holds its job file.
    """
    gpus = {launcher.gpu_resource: str(launcher.ranks_per_node)} if launcher.gpu_resource else {}
    env = agent_environment({}, folder, launcher.nodes)
    container = Container(
        name="trainer",
        image=launcher.image,
        command=[
            *("/bin/sh", "-c", _script(name, launcher.nodes), "sh", str(folder)),
            *agent_command(module, folder, launcher.ranks_per_node, launcher.nodes, python="python"),
        ],
        env=[EnvVar(name=each, value=value) for each, value in env.items()],
        env_from=[EnvFrom(secret_ref=SecretReference(name=launcher.secret))] if launcher.secret else [],
        resources=Resources(
            requests={"cpu": launcher.cpu, "memory": launcher.memory} | gpus, limits={"memory": launcher.memory} | gpus
        ),
        volume_mounts=[
            VolumeMount(name="work", mount_path=launcher.volume_path),
            VolumeMount(name="shared-memory", mount_path="/dev/shm"),
        ],
    )
    pod = PodSpec(
        subdomain=SERVICE,
        termination_grace_period_seconds=launcher.grace_s,
        node_selector=launcher.node_selector,
        containers=[container],
        volumes=[
            Volume(name="work", persistent_volume_claim=Claim(claim_name=launcher.volume_claim)),
            Volume(name="shared-memory", empty_dir=EmptyDir(medium="Memory", size_limit=launcher.shared_memory)),
        ],
    )
    return TrainingJob(
        metadata=Metadata(
            name=name,
            labels=LABELS | ({QUEUE_LABEL: launcher.queue} if launcher.queue else {}),
            annotations={"dalle/folder": str(folder), "dalle/trainer": module},
        ),
        spec=JobSpec(
            completions=launcher.nodes,
            parallelism=launcher.nodes,
            backoff_limit=launcher.restarts * launcher.nodes,
            pod_failure_policy=FailurePolicy(
                rules=[FailureRule(action="Ignore", on_pod_conditions=[PodCondition(type="DisruptionTarget")])]
            ),
            ttl_seconds_after_finished=KEPT_S,
            template=PodTemplate(metadata=Metadata(labels=LABELS), spec=pod),
        ),
    )


def _script(name: str, nodes: int) -> str:
    """Shell script before the agent, whose arguments are the folder and the agent's command line.

    The log is in the folder, where the flow reads it. `exec`, so that the agent itself gets SIGTERM.
    """
    if nodes == 1:  # a pod before this one has left files there that a new training must not find
        before = " ".join(["rm -f", *(f'"$folder/{place}"' for place in MEETING_PLACES)])
    else:
        host = f"{name}-$JOB_COMPLETION_INDEX.{SERVICE}"
        patience = f"join_timeout={MEET_WITHIN_S},read_timeout={MEET_WITHIN_S}"
        before = (
            f"export PET_RDZV_ENDPOINT={name}-0.{SERVICE}:{PORT} PET_LOCAL_ADDR={host} "
            f"PET_RDZV_CONF=is_host=$((JOB_COMPLETION_INDEX == 0)),{patience}"
        )
    return "\n".join(["folder=$1; shift", before, 'exec "$@" >> "$folder/trainer-$JOB_COMPLETION_INDEX.log" 2>&1'])
