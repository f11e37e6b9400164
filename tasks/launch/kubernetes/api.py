"""Requests to the Kubernetes API: its answers as dictionaries, its errors as sentences."""

import os
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from tasks.errors import ConfigError, LauncherError

# Where a pod finds its service account (kubernetes.io/docs/tasks/run-application/access-api-from-pod). The kubelet
# replaces the token every hour, so it is read for every request.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
CORE, BATCH = "api/v1", "apis/batch/v1"  # groups of objects
ANSWER_S = 10.0
MANIFEST = "infra/kubernetes.yaml"
Object = dict[str, Any]


class UnreachableError(LauncherError):
    """The API does not answer now; it may later."""


class ConflictError(LauncherError):
    """An object of this name is there already."""


class Api:
    """One namespace of a cluster."""

    def __init__(self, address: str | None, namespace: str) -> None:
        """`address`: of `kubectl proxy`, which logs in by itself; None inside a pod, whose service account is used.

        Raises:
            ConfigError: there is no address, and this process is in no pod with a service account.
        """
        self._namespace = namespace
        self._in_pod = address is None
        self._server = address.rstrip("/") if address else _server_of_this_pod()

    def get(self, group: str, path: str, **query: str | int) -> Object | None:
        """An object, or a list of them; None if it is not there.

        Args:
            group: CORE or BATCH.
            path: within the namespace, such as `jobs/NAME`.

        Raises:
            UnreachableError: no answer, or that of an API that cannot work now.
            LauncherError: the answer is an error.
        """
        return self._ask("GET", group, path, query)

    def post(self, group: str, path: str, manifest: Object) -> None:
        """Makes an object.

        Raises:
            ConflictError: there is one of this name.
            UnreachableError, LauncherError: as for `get`, or there is no such namespace.
        """
        if self._ask("POST", group, path, {}, manifest) is None:
            raise LauncherError(f"Kubernetes has no namespace {self._namespace}: apply {MANIFEST}, or name another.")

    def delete(self, group: str, path: str) -> None:
        """Deletes an object after what it owns, or does nothing if it is not there. Raises what `get` raises."""
        self._ask("DELETE", group, path, {"propagationPolicy": "Foreground"})

    def _ask(
        self, method: str, group: str, path: str, query: dict[str, str | int], manifest: Object | None = None
    ) -> Object | None:
        url = f"{self._server}/{group}/namespaces/{self._namespace}/{path}"
        try:
            headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"} if self._in_pod else {}
            trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")) if self._in_pod else url[:5] == "https"
            answer = httpx.request(
                method, url, params=query, json=manifest, headers=headers, verify=trusted, timeout=ANSWER_S
            )
        except (httpx.HTTPError, OSError) as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(f"Kubernetes does not answer at {self._server} ({why}).") from error
        return _content(answer, f"{method} {path.partition('/')[0]}", self._namespace)


def _server_of_this_pod() -> str:
    host, port = os.environ.get(HOST), os.environ.get(PORT, "443")
    if not host or not (ACCOUNT / "token").exists():
        raise ConfigError(
            "This process is in no pod with a service account: run the flow in the cluster, or start `kubectl proxy` "
            "and set launcher.api to its address, such as http://127.0.0.1:8001."
        )
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _content(answer: httpx.Response, asked: str, namespace: str) -> Object | None:
    """What an answer holds; None if it says that the object is not there."""
    if answer.is_success:
        return dict(answer.json())
    try:
        said = str(answer.json()["message"])  # of a Status object
    except (ValueError, KeyError, TypeError):
        said = answer.reason_phrase
    match answer.status_code:
        case HTTPStatus.NOT_FOUND:
            return None
        case HTTPStatus.CONFLICT:
            raise ConflictError(f"Kubernetes has such an object already ({said}).")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise LauncherError(
                f"Kubernetes refuses {asked} in namespace {namespace} ({said}): give the account that runs the flow "
                f"the role in {MANIFEST}."
            )
        case code if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.TOO_MANY_REQUESTS:
            raise UnreachableError(f"Kubernetes cannot answer now ({said}).")
        case _:
            raise LauncherError(f"Kubernetes refuses {asked} in namespace {namespace} ({said}).")
