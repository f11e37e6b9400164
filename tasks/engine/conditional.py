"""Files that several processes compete for: each change names the content it replaces, so exactly one of them succeeds.

On a local disk all changes in a folder happen under one lock of the kernel; on S3 they are conditional requests,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from tasks.engine import s3, storage

GUARD = ".leases"  # an empty file in each folder of leases, which carries the kernel's lock
REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True)
class Stored:
    """A file's content, and the seconds since it was written by the clock of the storage, not of this host."""

    data: bytes
    age_s: float


def read(uri: str) -> Stored | None:
    """The file, or None if there is none.

    Raises:
        StorageError: it cannot be read.
    """
    path = storage.filesystem(uri)[1]
    try:
        with storage.plain_errors(uri, "read"):
            return _read_object(path)[0] if storage.is_s3(uri) else _read_file(Path(path))
    except FileNotFoundError:
        return None


def swap(uri: str, old: bytes | None, new: bytes | None) -> bool:
    """Replaces the content `old` by `new` in one step, None being no file; False, and no change, if it is not `old`.

    Raises:
        StorageError: no space, no permission, or no such bucket.
    """
    path = storage.filesystem(uri)[1]
    with storage.plain_errors(uri, "write"):
        return _swap_object(path, old, new) if storage.is_s3(uri) else _swap_file(Path(path), old, new)


def _read_file(path: Path) -> Stored:
    data, written = path.read_bytes(), path.stat().st_mtime
    guard = path.parent / GUARD
    try:
        os.utime(guard)  # a network file system stamps both files by the clock of its server
        now = guard.stat().st_mtime
    except OSError:  # not ours to touch
        now = time.time()
    return Stored(data, now - written)


def _swap_file(path: Path, old: bytes | None, new: bytes | None) -> bool:
    with _alone_in(path.parent):
        storage.remove_unfinished(path.parent, f".{path.name}.*.tmp")  # of killed processes: nobody else writes now
        try:
            if path.read_bytes() != old:
                return False
        except FileNotFoundError:
            if old is not None:
                return False
        if new is None:
            path.unlink(missing_ok=True)
        else:
            storage.replace_file(path, new)
        return True


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / GUARD).open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # the kernel gives it back when the file is closed or the process ends
        yield


def _read_object(path: str) -> tuple[Stored, str]:
    """The object and its ETag."""
    from botocore.exceptions import HTTPClientError

    bucket, key = path.split("/", 1)
    attempts = 0
    while True:
        attempts += 1
        answer = _ask("get_object", Bucket=bucket, Key=key)
        if answer is None:
            raise FileNotFoundError(path)
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        try:
            return Stored(answer["Body"].read(), (now - answer["LastModified"]).total_seconds()), answer["ETag"]
        except HTTPClientError:  # the connection broke: the client repeats requests, but reads no answer twice
            if attempts == s3.READS:
                raise


def _swap_object(path: str, old: bytes | None, new: bytes | None) -> bool:
    bucket, key = path.split("/", 1)
    condition = {"IfNoneMatch": "*"}
    if old is not None:
        try:
            stored, tag = _read_object(path)
        except FileNotFoundError:
            return False
        if stored.data != old:
            return False
        condition = {"IfMatch": tag}
    if new is None:
        return _ask("delete_object", Bucket=bucket, Key=key, **condition) is not None
    return _ask("put_object", Bucket=bucket, Key=key, Body=new, **condition) is not None or _holds(path, new)


def _holds(path: str, data: bytes) -> bool:
    """Whether the object has this content: a request that is repeated after a lost answer is refused, yet was done."""
    try:
        return _read_object(path)[0].data == data
    except FileNotFoundError:
        return False


def _ask(request: str, **arguments: Any) -> dict[str, Any] | None:
    """The answer, or None if a condition of the request does not hold."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    try:
        client = boto3.client("s3", config=Config(**s3.request_config()))
        answer: dict[str, Any] = getattr(client, request)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSED:
            return None
        raise
    return answer
