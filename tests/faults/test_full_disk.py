"""A disk that fills up while a stage writes: one sentence, and every finished shard is kept."""

import errno
from pathlib import Path

import pytest
from support.toy import NumbersConfig, numbers

from tasks.engine import storage
from tasks.errors import StorageError


class FillingDisk:
    """Replaces `os.fsync` by one that reports a full disk once `files` files have been written."""

    def __init__(self, files: int) -> None:
        self.left = files

    def fsync(self, descriptor: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("files", range(7))
def test_a_full_disk_is_one_sentence_and_loses_nothing(settings, monkeypatch, files):
    artifact = numbers.artifact(NumbersConfig(), settings)
    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "fsync", FillingDisk(files).fsync)
        with pytest.raises(StorageError, match=r"No space left to write .*: free some and run again"):
            numbers(NumbersConfig(), settings)
    assert not artifact.is_finished()
    assert not list(Path(settings.root).rglob("*.tmp"))
    kept = {path: path.stat().st_mtime_ns for path in Path(artifact.uri).rglob("*.json")}

    numbers(NumbersConfig(), settings)
    assert artifact.damage() == []
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_device_that_is_really_full_gives_the_same_error(tmp_path):
    with pytest.raises(StorageError, match="No space left"), storage.plain_errors("/dev/full", "write"):
        Path("/dev/full").write_bytes(b"x")
