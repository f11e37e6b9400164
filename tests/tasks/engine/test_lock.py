"""The lease: one owner whatever the races, and a writer that lost it stops."""

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from support.takers import take_every_round
from support.toy import NumbersConfig, numbers

from tasks.engine import conditional, lock, storage
from tasks.engine.artifact import MANIFEST
from tasks.engine.lock import is_held, only_writer
from tasks.engine.stage import Observer
from tasks.errors import DamagedArtifactError, LeaseLostError, StorageError

TAKERS = 8


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "stage" / "0123.lock")


def lease_of(uri: str, **changes) -> dict:
    """What a process on this host writes into a lease, changed."""
    return json.loads(lock._content("someone")) | changes


def write_lease(uri: str, age_s: float = 0.0, **changes) -> None:
    storage.write_json(uri, lease_of(uri, **changes))
    written = time.time() - age_s
    os.utime(uri, (written, written))


def winners(folder: Path, rounds: int) -> list[int]:
    """In each round, how many of 8 processes got the lease of a process that has ended."""
    for number in range(rounds):
        write_lease(str(folder / f"{number}.lock"), process_started=1.0)
    fresh = multiprocessing.get_context("spawn")  # a fork of this process would copy the threads' locks of other tests
    ready, held = fresh.Barrier(TAKERS, timeout=120), fresh.Barrier(TAKERS, timeout=120)
    takers = [fresh.Process(target=take_every_round, args=(str(folder), rounds, ready, held)) for _ in range(TAKERS)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert [taker.exitcode for taker in takers] == [0] * TAKERS
    return [len(list(folder.glob(f"{number}.won-*"))) for number in range(rounds)]


def check_until_lost(lease: lock.Lease) -> None:
    while True:
        lease.check()
        time.sleep(0.01)


@pytest.mark.end_to_end
def test_of_many_takers_of_a_dead_lease_exactly_one_gets_it(tmp_path):
    assert winners(tmp_path, rounds=10) == [1] * 10


@pytest.mark.slow
def test_of_many_takers_of_a_dead_lease_exactly_one_gets_it_in_sixty_rounds(tmp_path):
    assert winners(tmp_path, rounds=60) == [1] * 60


def test_a_lease_that_changed_after_it_was_read_is_not_replaced(uri):
    write_lease(uri, process_started=1.0)
    seen = conditional.read(uri)
    write_lease(uri, owner="another taker")
    assert not conditional.swap(uri, seen.data, b"mine")
    assert not conditional.swap(uri, None, b"mine")
    assert not conditional.swap(uri, b"never there", None)
    assert storage.read_json(uri)["owner"] == "another taker"


def test_an_owner_that_lost_its_lease_leaves_the_new_one_alone(uri, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_S", 0.02)
    with only_writer(uri) as lease:
        write_lease(uri, owner="the new owner")
        with pytest.raises(LeaseLostError, match="taken over"):
            check_until_lost(lease)
    assert storage.read_json(uri)["owner"] == "the new owner"


def test_a_renewal_that_fails_for_a_moment_is_tried_again(uri, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_S", 0.02)
    failures = iter([StorageError("no route to the bucket")] * 3)

    def fails_at_first(*swapped):
        if failure := next(failures, None):
            raise failure
        return swap(*swapped)

    with only_writer(uri) as lease:
        swap, first = conditional.swap, storage.read_bytes(uri)
        monkeypatch.setattr(conditional, "swap", fails_at_first)
        while storage.read_bytes(uri) == first:
            time.sleep(0.01)
        lease.check()


def test_a_lease_that_cannot_be_renewed_is_lost_and_says_why(uri, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_S", 0.02)
    monkeypatch.setattr(lock, "EXPIRE_S", 0.05)

    def fails(*swapped):
        raise StorageError("no route to the bucket")

    with only_writer(uri) as lease:
        monkeypatch.setattr(conditional, "swap", fails)
        with pytest.raises(LeaseLostError, match="no route to the bucket"):
            check_until_lost(lease)


class Thief(Observer):
    """Takes the lease over when the stage has done some shards, as after a long pause of its process."""

    def __init__(self, after: int):
        self.after = after

    def progressed(self, stage, progress):
        if progress.done == self.after:
            uri = f"{self.artifact.uri}.lock"
            storage.write_json(uri, storage.read_json(uri) | {"owner": "thief"})

    def started(self, stage, artifact):
        self.artifact = artifact


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_writer_that_lost_its_lease_writes_no_further_shard_and_no_manifest(settings, after):
    thief = Thief(after)
    with pytest.raises(LeaseLostError, match="run again"):
        numbers(NumbersConfig(), settings, [thief])
    assert not storage.exists(thief.artifact.file(MANIFEST))
    assert len(storage.names(thief.artifact.file("shards"))) == after
    assert storage.read_json(f"{thief.artifact.uri}.lock")["owner"] == "thief"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"owner": "x"}', b"\x00" * 40, b"\xff\xfe"])
def test_a_lease_file_that_is_no_lease_is_one_sentence(uri, content):
    storage.write_bytes(uri, content)
    for use in (is_held, lambda uri: only_writer(uri).__enter__()):
        with pytest.raises(DamagedArtifactError, match=r"0123.lock cannot be read as a lease: .* delete it"):
            use(uri)


def test_the_clock_of_another_host_does_not_matter(uri):
    for clock_is_off_by_s in (-3600, -120, 120, 3600):
        elsewhere = {"host": "elsewhere", "kernel": "another", "renewed": time.time() + clock_is_off_by_s}
        write_lease(uri, age_s=30, **elsewhere)
        assert is_held(uri)
        write_lease(uri, age_s=lock.EXPIRE_S + 10, **elsewhere)
        assert not is_held(uri)


def test_a_paused_process_of_this_host_keeps_its_lease(uri):
    write_lease(uri, age_s=10 * lock.EXPIRE_S)
    assert is_held(uri)


def test_a_process_id_of_another_container_says_nothing_about_this_one(uri):
    write_lease(uri, age_s=1, kernel="the same host name, other process ids", pid=2**22 - 1)
    assert is_held(uri)


@pytest.mark.parametrize("root", ["memory://runs", "gs://bucket/runs", "https://example.com/runs"])
def test_storage_on_which_a_lease_is_not_safe_is_refused(settings, root):
    elsewhere = settings.model_copy(update={"root": root})
    with pytest.raises(StorageError, match=r"neither a local path nor an s3:// URL.* --root"):
        numbers(NumbersConfig(), elsewhere)
