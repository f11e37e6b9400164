"""A small stand-in for the Kubernetes API on loopback: keeps Jobs, gives them pods, and moves both as it is told."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flows.cli.doctor import free_port
from support.kubernetes_schemas import problems
from support.web import answering, server_of

Object = dict[str, Any]
NAMESPACE = "dalle"


class Cluster:
    """What is in the namespace, and how the API is to fail.

    Attributes:
        claims, services: names of those that there are.
        status: answers every request with this code, if set.
        silent_s: the API waits so long before it answers.
        runs_pods: starts the pods' commands as processes of this machine, as a kubelet would.
    """

    def __init__(self, runs_pods: bool = False) -> None:
        self.url = ""
        self.jobs: dict[str, Object] = {}
        self.pods: dict[str, Object] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.claims, self.services = {"work"}, {"dalle-trainers"}
        self.status: int | None = None
        self.silent_s = 0.0
        self.runs_pods = runs_pods
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self._port = free_port()  # of the trainings, which a cluster gives each pod for itself
        self._lock = threading.RLock()

    # What a cluster does by itself.

    def make_pods(self, job: Object) -> None:
        name, spec = job["metadata"]["name"], job["spec"]
        for index in range(spec["completions"]):
            pod = f"{name}-{index}-{len(self.pods):05d}"
            labels = {"batch.kubernetes.io/job-name": name}
            self.pods[pod] = {"metadata": {"name": pod, "labels": labels}, "status": {"phase": "Pending"}}
            if self.runs_pods:
                self._start(pod, name, index, spec["template"]["spec"]["containers"][0])

    def _start(self, pod: str, job: str, index: int, container: Object) -> None:
        def resolved(text: str) -> str:  # as the cluster's DNS does, and with a free port of this machine
            return re.sub(rf"{job}-(\d+|\$JOB_COMPLETION_INDEX)\.dalle-trainers", "127.0.0.1", text).replace(
                ":29400", f":{self._port}"
            )

        command = [sys.executable if word == "python" else resolved(word) for word in container["command"]]
        env = os.environ | {each["name"]: each["value"] for each in container["env"]}
        env |= {"JOB_COMPLETION_INDEX": str(index)}
        self.processes[pod] = subprocess.Popen(command, env=env, start_new_session=True)
        self.pods[pod]["status"] = {"phase": "Running"}

    def _look(self) -> None:
        """Brings the status of pods and Jobs up to date with the processes."""
        for pod, process in self.processes.items():
            if process.poll() is not None and pod in self.pods:
                code = process.returncode
                ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
                phase = "Failed" if code else "Succeeded"
                self.pods[pod]["status"] = {"phase": phase, "containerStatuses": [{"name": "trainer", "state": ended}]}
        for name, job in list(self.jobs.items()):
            own = {pod: each for pod, each in self.pods.items() if pod.startswith(f"{name}-")}
            phases = {each["status"]["phase"] for each in own.values()}
            if "deletionTimestamp" in job["metadata"]:
                if not phases & {"Running", "Pending"}:
                    self.forget(name)
            elif self.runs_pods and phases == {"Succeeded"}:
                self.condition(name, "Complete")
            elif self.runs_pods and "Failed" in phases:
                self.condition(name, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")

    # What a test does to it.

    def phase(self, phase: str, **status: Any) -> None:
        """Sets the status of every pod."""
        for pod in self.pods.values():
            pod["status"] = {"phase": phase, **status}

    def condition(self, job: str, kind: str, reason: str = "", message: str = "") -> None:
        told = {"type": kind, "status": "True", "reason": reason, "message": message}
        self.jobs[job]["status"] = {"conditions": [told]}

    def forget(self, job: str) -> None:
        """Takes a Job and its pods out of the cluster."""
        del self.jobs[job]
        self.pods = {name: pod for name, pod in self.pods.items() if not name.startswith(f"{job}-")}

    def end(self) -> None:
        """Ends every process that is left."""
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    # Its API.

    def answer(self, method: str, path: str, query: dict[str, str], body: Object) -> tuple[int, Object]:
        with self._lock:
            self.asked.append(f"{method} {path}")
            self._look()
            if self.status is not None:
                return self.status, _status("the reason of the API")
            group, _, rest = path.partition("/namespaces/")
            namespace, kind, *names = rest.split("/")
            if namespace != NAMESPACE:
                return 404, _status(f'namespaces "{namespace}" not found')
            match method, kind, names:
                case "GET", "pods", []:
                    wanted = query["labelSelector"].partition("=")[2]
                    return 200, {"items": [pod for name, pod in self.pods.items() if name.startswith(f"{wanted}-")]}
                case "GET", "jobs", []:
                    return 200, {"items": list(self.jobs.values())}
                case "GET", "jobs", [name] if name in self.jobs:
                    return 200, self.jobs[name]
                case "POST", "jobs", []:
                    return self._made(body)
                case "DELETE", "jobs", [name] if name in self.jobs:
                    self._delete(name)
                    return 200, _status("deleted")
                case "GET", "persistentvolumeclaims", [name] if name in self.claims:
                    return 200, {}
                case "GET", "services", [name] if name in self.services:
                    return 200, {}
            assert group in ("/api/v1", "/apis/batch/v1")
            return 404, _status(f'{kind} "{"/".join(names)}" not found')

    def _made(self, job: Object) -> tuple[int, Object]:
        if wrong := problems(job):
            return 422, _status("; ".join(wrong))
        name = job["metadata"]["name"]
        if name in self.jobs:
            return 409, _status(f'jobs.batch "{name}" already exists')
        self.jobs[name] = job
        self.make_pods(job)
        return 201, job

    def _delete(self, name: str) -> None:
        self.jobs[name]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        for pod, process in self.processes.items():
            if pod.startswith(f"{name}-") and process.poll() is None:
                process.terminate()


def _status(message: str) -> Object:
    return {"kind": "Status", "apiVersion": "v1", "message": message}


@contextmanager
def cluster(runs_pods: bool = False) -> Iterator[Cluster]:
    """The stand-in, answering until the end of the block."""
    found = Cluster(runs_pods)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(found.silent_s)
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            found.tokens.append(self.headers.get("Authorization"))
            status, content = found.answer(self.command, parts.path, query, json.loads(body) if body else {})
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = server_of(Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        with answering(server):
            yield found
    finally:
        found.end()
