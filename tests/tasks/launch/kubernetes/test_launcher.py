"""Trainings as Jobs of a stand-in for Kubernetes: made, found again, watched, and deleted."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.kubernetes import Cluster, cluster
from support.kubernetes_schemas import problems

from tasks.errors import ConfigError, LauncherError
from tasks.launch.kubernetes import api, launcher
from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.launcher import JobState, Phase

TRAINER = "models.prior.train"


@pytest.fixture
def kubernetes() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "train_prior" / "0123456789abcdef"
    made.mkdir(parents=True)
    return made


def on(kubernetes: Cluster, tmp_path: Path, **changes: Any) -> KubernetesLauncher:
    given = {"image": "registry/dalle:1", "volume_claim": "work", "volume_path": str(tmp_path)}
    return KubernetesLauncher.model_validate(given | {"api": kubernetes.url, "poll_s": 0.02} | changes)


@pytest.fixture
def one(kubernetes: Cluster, tmp_path: Path) -> KubernetesLauncher:
    return on(kubernetes, tmp_path)


FULL: dict[str, Any] = {
    "nodes": 4,
    "processes_per_node": 8,
    "node_selector": {"gpu": "h100"},
    "queue": "trainings",
    "secret": "s3",
}


@pytest.mark.parametrize("changes", [{}, FULL, {"gpu_resource": None}])
def test_the_manifest_is_what_the_api_takes(
    kubernetes: Cluster, tmp_path: Path, folder: Path, changes: dict[str, Any]
) -> None:
    on(kubernetes, tmp_path, **changes).submit(TRAINER, folder)
    [job] = kubernetes.jobs.values()
    assert problems(job) == []


def test_the_schemas_refuse_an_unknown_field_and_a_wrong_type(
    kubernetes: Cluster, one: KubernetesLauncher, folder: Path
) -> None:
    one.submit(TRAINER, folder)
    [job] = kubernetes.jobs.values()
    assert problems(job | {"spec": job["spec"] | {"completion": 1}})
    assert problems(job | {"spec": job["spec"] | {"parallelism": "two"}})
    assert problems(job | {"kind": "Jobb"})


def test_the_pods_are_those_that_are_set(kubernetes: Cluster, tmp_path: Path, folder: Path) -> None:
    on(kubernetes, tmp_path, **FULL).submit(TRAINER, folder)
    [job] = kubernetes.jobs.values()
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (4, 4, "Indexed")
    assert spec["backoffLimit"] == 3 * 4
    assert spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "trainings"
    assert (pod["restartPolicy"], pod["terminationGracePeriodSeconds"]) == ("Never", 120)
    assert (pod["subdomain"], pod["nodeSelector"]) == ("dalle-trainers", {"gpu": "h100"})
    assert pod["volumes"][0] == {"name": "work", "persistentVolumeClaim": {"claimName": "work"}}
    [container] = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert container["envFrom"] == [{"secretRef": {"name": "s3"}}]
    command = container["command"]
    assert command[-2:] == [TRAINER, str(folder / "job.json")]
    assert "--nnodes=4" in command
    assert "--nproc-per-node=8" in command


def test_a_second_flow_finds_the_job_until_it_is_over(
    kubernetes: Cluster, one: KubernetesLauncher, tmp_path: Path, folder: Path
) -> None:
    assert one.find(folder) is None
    job = one.submit(TRAINER, folder)
    assert on(kubernetes, tmp_path).find(folder) == job
    assert one.find(tmp_path / "another") is None
    assert one.submit(TRAINER, folder) == job
    assert len(kubernetes.jobs) == 1
    kubernetes.condition(job, "Failed")
    assert one.find(folder) is None


def test_a_new_job_takes_the_place_of_one_that_is_over(
    kubernetes: Cluster, one: KubernetesLauncher, folder: Path
) -> None:
    job = one.submit(TRAINER, folder)
    kubernetes.phase("Failed")
    kubernetes.condition(job, "Failed")
    assert one.submit(TRAINER, folder) == job
    assert "status" not in kubernetes.jobs[job]


def test_a_folder_that_pods_cannot_see_is_refused(one: KubernetesLauncher, kubernetes: Cluster) -> None:
    with pytest.raises(LauncherError, match="/elsewhere is not below it: choose a --work-dir there"):
        one.submit(TRAINER, Path("/elsewhere"))
    assert kubernetes.asked == []


def test_cancel_deletes_the_job_and_returns_when_its_pods_are_gone(
    kubernetes: Cluster, one: KubernetesLauncher, folder: Path
) -> None:
    job = one.submit(TRAINER, folder)
    kubernetes.phase("Running")
    cancelling = threading.Thread(target=one.cancel, args=(job,))
    cancelling.start()
    cancelling.join(0.3)
    assert cancelling.is_alive(), "the pods still write their checkpoints"
    assert one.state(job) == JobState(Phase.RUNNING, "its Job is being deleted")
    assert one.find(folder) == job
    kubernetes.phase("Succeeded")
    cancelling.join(10)
    assert not cancelling.is_alive()
    assert kubernetes.jobs == {}
    one.cancel(job)  # once more changes nothing


def test_a_job_that_does_not_end_is_told(
    kubernetes: Cluster, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "ENDS_WITHIN_S", 0.2)
    hasty = on(kubernetes, tmp_path, grace_s=0)
    job = hasty.submit(TRAINER, folder)
    kubernetes.phase("Running")
    with pytest.raises(LauncherError, match=f"{job} of Kubernetes does not end .its pods are still there.: kubectl"):
        hasty.cancel(job)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "refuses POST jobs in namespace dalle .the reason of the API.: give the account .* the role in infra"),
        (404, "has no namespace dalle: apply infra/kubernetes.yaml"),
        (422, "refuses POST jobs in namespace dalle .the reason of the API."),
        (503, "cannot answer now .the reason of the API."),
    ],
)
def test_an_error_of_the_api_is_one_sentence(
    kubernetes: Cluster, one: KubernetesLauncher, folder: Path, status: int, sentence: str
) -> None:
    kubernetes.status = status
    with pytest.raises(LauncherError, match=sentence) as caught:
        one.submit(TRAINER, folder)
    assert "\n" not in str(caught.value)


def test_an_api_that_does_not_answer_ends_a_start_and_leaves_a_job_running(
    kubernetes: Cluster, one: KubernetesLauncher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = one.submit(TRAINER, folder)
    monkeypatch.setattr(api, "ANSWER_S", 0.1)
    kubernetes.silent_s = 0.5
    state = one.state(job)
    assert state.phase is Phase.RUNNING
    assert state.reason.startswith(f"Kubernetes does not answer at {kubernetes.url} (")
    gone = one.model_copy(update={"api": "http://127.0.0.1:9"})
    assert gone.state(job).phase is Phase.RUNNING
    with pytest.raises(LauncherError, match=r"does not answer at http://127\.0\.0\.1:9 \(.+\)"):
        gone.find(folder)


def test_what_is_missing_is_told_before_a_run(kubernetes: Cluster, one: KubernetesLauncher, tmp_path: Path) -> None:
    one.require()
    kubernetes.services = set()
    one.require()
    with pytest.raises(ConfigError, match=r"no service dalle-trainers .* apply infra/kubernetes\.yaml"):
        on(kubernetes, tmp_path, nodes=2).require()
    kubernetes.claims = set()
    with pytest.raises(ConfigError, match="no claim work in namespace dalle"):
        one.require()
    with pytest.raises(ConfigError, match="does not answer"):
        one.model_copy(update={"api": "http://127.0.0.1:9"}).require()


def test_outside_of_a_pod_an_address_is_asked_for(one: KubernetesLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(api.HOST, raising=False)
    with pytest.raises(ConfigError, match="kubectl proxy"):
        one.model_copy(update={"api": None}).require()


def test_in_a_pod_the_service_account_logs_in(
    kubernetes: Cluster, one: KubernetesLauncher, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("first")
    host, port = kubernetes.url.removeprefix("http://").split(":")
    monkeypatch.setattr(api, "ACCOUNT", account)
    monkeypatch.setenv(api.HOST, host)
    monkeypatch.setenv(api.PORT, port)
    assert api._server_of_this_pod() == f"https://{host}:{port}"
    monkeypatch.setattr(api, "_server_of_this_pod", lambda: kubernetes.url)  # without https, to see what is sent
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: cafile == str(account / "ca.crt"))
    inside = one.model_copy(update={"api": None})
    inside.find(folder)
    (account / "token").write_text("second")
    inside.find(folder)
    assert kubernetes.tokens == ["Bearer first", "Bearer second"]
