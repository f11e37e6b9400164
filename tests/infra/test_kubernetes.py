"""The example objects of a cluster are what the API takes, and fit the launcher and the deployment that uses them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.kubernetes import cluster
from support.kubernetes_schemas import problems

from flows.deployments import pipeline
from flows.recipes import recipe_name
from tasks import REPOSITORY
from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.kubernetes.manifest import LABELS, SERVICE
from tasks.settings import Settings

INFRA = REPOSITORY / "infra"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((INFRA / "kubernetes.yaml").read_text()))
[DEPLOYMENT] = yaml.safe_load((INFRA / "prefect-kubernetes.yaml").read_text())["deployments"]
SETTINGS = Settings.model_validate(DEPLOYMENT["parameters"]["settings"])


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [each for each in OBJECTS if each["kind"] == kind]
    return found


def launcher() -> KubernetesLauncher:
    assert isinstance(SETTINGS.launcher, KubernetesLauncher)
    return SETTINGS.launcher


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda each: each["kind"])
def test_an_object_is_what_the_api_takes(manifest: dict[str, Any]) -> None:
    assert problems(manifest) == []
    assert manifest["metadata"].get("namespace", "dalle") == launcher().namespace


def test_the_service_finds_the_pods_of_trainings_and_nobody_else_reaches_them() -> None:
    service, policy = of_kind("Service"), of_kind("NetworkPolicy")
    assert (service["metadata"]["name"], service["spec"]["clusterIP"]) == (SERVICE, "None")
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == LABELS
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": LABELS}}]}]


def test_the_worker_may_do_what_the_launcher_asks_and_nothing_else(tmp_path: Path) -> None:
    with cluster() as api:
        here = launcher().model_copy(update={"api": api.url, "nodes": 2, "volume_path": str(tmp_path)})
        here.require()
        here.state(here.submit("models.prior.train", tmp_path))
        api.phase("Succeeded")
        here.cancel(here.name(tmp_path))
    asked = set()
    for line in api.asked:
        method, path = line.split()
        resource, _, name = path.split(f"/namespaces/{here.namespace}/")[1].partition("/")
        verb = {"GET": "get" if name else "list", "POST": "create", "DELETE": "delete"}[method]
        asked.add((resource, verb))
    rules = of_kind("Role")["rules"]
    assert asked == {(name, verb) for rule in rules for name in rule["resources"] for verb in rule["verbs"]}
    account = of_kind("ServiceAccount")["metadata"]["name"]
    assert of_kind("RoleBinding")["subjects"][0]["name"] == account
    assert of_kind("Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == account


def test_the_worker_and_the_trainings_share_the_image_and_the_volume() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [worker] = pod["containers"]
    claim = of_kind("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert launcher().volume_claim == claim["metadata"]["name"]
    assert launcher().image == worker["image"]
    assert worker["volumeMounts"] == [{"name": "work", "mountPath": launcher().volume_path}]
    assert Path(SETTINGS.work_dir).is_relative_to(launcher().volume_path)
    assert {"secretRef": {"name": launcher().secret}} in worker["envFrom"]


def test_the_deployment_is_a_flow_of_the_pool_that_the_worker_serves() -> None:
    [worker] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    command = worker["command"]
    assert command[command.index("--pool") + 1] == DEPLOYMENT["work_pool"]["name"]
    assert DEPLOYMENT["entrypoint"] == f"{pipeline.fn.__module__.replace('.', '/')}.py:{pipeline.fn.__name__}"
    assert recipe_name(DEPLOYMENT["parameters"]["recipe"])
    assert DEPLOYMENT["parameters"].keys() == {"recipe", "changes", "settings"}
