"""What must hold before a run is started: places that can be written, addresses that answer, sources that exist.

Each check takes at most a few seconds and names the problem in one sentence, before a server, a cluster or a model is
started. `dalle run`, `dalle generate`, `dalle doctor` and the deployments use the same ones.
"""

import socket
import uuid
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from tasks.engine import s3, storage
from tasks.engine.stage import StageConfig
from tasks.errors import ConfigError, StorageError
from tasks.settings import Settings

ANSWER_S = 1.0  # for S3, once to connect and once to answer
DASK_ANSWER_S = 2.0
DASK_SCHEMES = ("tcp", "tls")


def require_ready(configs: Iterable[StageConfig], settings: Settings) -> None:
    """Everything a run needs that can be known now.

    Args:
        configs: of the stages.

    Raises:
        ConfigError: an address is malformed or of a kind that is not supported, Dask does not answer, what starts
            trainings is not there, the opt-out list is not there or none, or a package is not installed.
        SourceError: the source's folder or archive, a model, or the evaluation set, is not there.
        StorageError: the root or the work folder cannot be written.
    """
    for config in configs:
        config.require()
    require_root(settings.root)
    require_writable(Path(settings.work_dir), "--work-dir")
    require_dask(settings.dask_address)
    settings.launcher.require()


def require_root(root: str, write: bool = True) -> None:
    """The place of the artifacts can be written, or if `write` is False, read.

    Raises:
        ConfigError: an address of a kind that is not supported.
        StorageError: no permission, no credentials, no such bucket, or no answer.
    """
    require_known_scheme(root)
    if storage.is_s3(root):
        _require_s3(root, write)
    elif write:
        require_writable(Path(storage.filesystem(root)[1]), "--root")


def require_known_scheme(root: str) -> None:
    """Artifacts are kept in a local folder or on S3.

    Raises:
        ConfigError: the root is neither.
    """
    if not root.strip():
        raise ConfigError("The root is empty: name a folder or an s3:// address with --root.")
    if not storage.is_local(root) and not storage.is_s3(root):
        raise ConfigError(f"Artifacts cannot be kept at {root}: give a folder or an s3:// address with --root.")
    if storage.is_s3(root) and not urlsplit(root).netloc:
        raise ConfigError(f"{root} names no bucket: write s3://bucket/folder.")


def require_writable(folder: Path, option: str) -> None:
    """A folder can be made and written: a small file is written there and removed.

    Args:
        option: how a person chooses another folder, for the message.

    Raises:
        StorageError: it cannot.
    """
    folder = folder.absolute()
    probe = folder / f".probe-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"Cannot write to {folder} ({reason}): choose another place with {option}.") from error


def require_dask(address: str | None) -> None:
    """Something listens at the address of the Dask scheduler, where one is set.

    Raises:
        ConfigError: the address is malformed, or nothing answers there.
    """
    if address is None:
        return
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise ConfigError(f"'{address}' is no address of a Dask scheduler: write --dask-address tcp://host:8786.")
    if parts.scheme not in DASK_SCHEMES:
        return  # other transports of Dask answer to other protocols
    try:
        socket.create_connection((host, port), timeout=DASK_ANSWER_S).close()
    except OSError as error:
        raise ConfigError(
            f"No Dask scheduler answers at {address} ({error.strerror or error}): start it, or leave out "
            "--dask-address to use this machine."
        ) from error


def _require_s3(root: str, write: bool) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    quick = Config(connect_timeout=ANSWER_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 1})
    key = f"{prefix.rstrip('/')}/.probe-{uuid.uuid4().hex[:8]}".lstrip("/")
    try:
        client = boto3.client("s3", config=quick)
        if write:
            client.put_object(Bucket=bucket, Key=key, Body=b"probe")
            client.delete_object(Bucket=bucket, Key=key)
        else:
            client.head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise StorageError(s3.sentence(error, root) or f"{root} cannot be used: {error}.") from error
