"""An S3 that fails, stalls or refuses in the middle of a stage: tried again, and then one sentence; no half file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from support.archives import members, page
from support.s3 import BUCKET, PASSING, Fault, FaultyS3, faulty_s3, moto_bucket
from support.tars import samples, tar
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from tasks.crawl.config import Config
from tasks.crawl.stage import crawl
from tasks.engine import s3, storage
from tasks.engine.artifact import Artifact
from tasks.engine.row_groups import table_bytes
from tasks.errors import StorageError
from tasks.settings import Settings

pytestmark = pytest.mark.end_to_end

NOT_ANSWERED = "does not answer for .*: check the network and AWS_ENDPOINT_URL"
BUSY = "S3 fails or is too busy for .*run again later; what is finished is kept"


@pytest.fixture(scope="module")
def proxy() -> Iterator[FaultyS3]:
    """One for all tests: s3fs keeps the address it first saw."""
    with moto_bucket(), faulty_s3(os.environ["AWS_ENDPOINT_URL"]) as proxy, pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        yield proxy


@pytest.fixture
def faulty(proxy: FaultyS3) -> FaultyS3:
    """The proxy through which S3 is reached, as yet without faults."""
    proxy.fault = lambda method, path, number: None
    proxy.made.clear()
    return proxy


@pytest.fixture
def on_s3(faulty: FaultyS3, tmp_path: Path) -> Settings:
    return Settings(root=f"s3://{BUCKET}/{tmp_path.name}", work_dir=str(tmp_path / "work"), dask_workers=0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts and a short silence, so that giving up takes no minutes."""
    monkeypatch.setattr(s3, "ATTEMPTS", 2)
    monkeypatch.setattr(s3, "READS", 1)
    monkeypatch.setattr(s3, "SILENCE_S", 2.0)


def account(artifact: Artifact) -> dict:
    return artifact.manifest().model_dump(exclude={"run"})


def undisturbed(settings: Settings) -> dict:
    return account(keep_even(KeepEvenConfig(), settings, rows=numbers(NumbersConfig(), settings).artifact).artifact)


def test_what_passes_is_tried_again_and_leaves_no_trace(on_s3, settings, faulty, monkeypatch):
    """Errors, broken connections, lost answers, half answers, late ones and silence, each in turn, all the time."""
    monkeypatch.setattr(s3, "SILENCE_S", 2.0)
    kinds = (*PASSING, "slow", "hang")
    faulty.fault = lambda method, path, number: kinds[number // 4 % len(kinds)] if number % 4 == 0 else None
    assert undisturbed(on_s3) == undisturbed(settings)
    assert {*faulty.made} == {*kinds}


def in_the_third_shard(fault: str, method: str) -> Fault:
    """The fault, at reading once two shards are finished, or at writing."""
    finished: list[str] = []

    def choose(asked: str, path: str, number: int) -> str | None:
        if asked == "PUT" and path.endswith("/shards/00001.json"):
            finished.append(path)
        here = asked == method and path.endswith("-00002.parquet")
        return fault if here and (finished or method == "PUT") else None

    return choose


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "methods", "said", "passes"),
    [
        ("SlowDown", "GET PUT", BUSY, True),
        ("InternalError", "GET PUT", BUSY, True),
        ("reset", "GET PUT", NOT_ANSWERED, True),
        ("half", "GET", NOT_ANSWERED, True),
        ("hang", "GET PUT", NOT_ANSWERED, True),
        ("ExpiredToken", "GET PUT", "credentials for .* have expired .*: renew them and run again", False),
        ("NoSuchBucket", "GET PUT", "There is no bucket for .*: create it, or choose another place with --root", False),
        ("AccessDenied", "GET PUT", "S3 refuses access to .*: check the credentials and their rights", False),
    ],
)
def test_what_stays_is_one_sentence_and_the_next_run_goes_on(on_s3, settings, faulty, fault, methods, said, passes):
    """In the last of three shards, on reading it and on writing it."""
    rows = numbers(NumbersConfig(), on_s3).artifact
    for method in methods.split():
        faulty.fault = in_the_third_shard(fault, method)
        with pytest.raises(StorageError, match=said) as raised:
            keep_even(KeepEvenConfig(), on_s3, rows=rows)
        assert "\n" not in str(raised.value)
        assert s3.may_pass(raised.value.__cause__) == passes
        made = keep_even.artifact(KeepEvenConfig(), on_s3, rows=rows)
        assert not made.is_finished()
        assert storage.names(f"{made.uri}/shards") == ["00000.json", "00001.json"]
    written = []
    faulty.fault = lambda method, path, _: written.append(path) if method == "PUT" else None
    assert account(keep_even(KeepEvenConfig(), on_s3, rows=rows).artifact) == undisturbed(settings)
    assert not [path for path in written if "-00000.parquet" in path or "-00001.parquet" in path]


def list_on_s3(kind: str, where: str, folder: Path) -> str:
    """A source of a few kilobytes; returns its address."""
    if kind == "warc":
        pages = [page(f"http://a.example/{n}", f"<img src={n}.png alt=x>" + "<p>" * 4000) for n in range(9)]
        data = b"".join(members(*pages))
    elif kind == "cc12m":
        data = "".join(f"https://example.org/{n}.jpg\tpicture {n}\n" for n in range(50)).encode()
    elif kind == "laion":
        data = table_bytes(pa.table({"URL": ["https://example.org/a.jpg"], "TEXT": ["a dog"]}))
    else:
        data = tar(folder / "list.tar", *samples("a picture", "another one")).read_bytes()
    name = {"warc": "0.warc.gz", "cc12m": "0.tsv", "laion": "0.parquet", "webdataset": "0.tar"}[kind]
    storage.write_bytes(f"{where}/{name}", data)
    return f"{where}/{name}"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["warc", "cc12m", "laion", "webdataset"])
@pytest.mark.parametrize("fault", ["SlowDown", "hang"])
def test_a_list_that_s3_does_not_give_is_no_damage_of_the_list(on_s3, settings, faulty, tmp_path, kind, fault):
    """A reader that leaves out what is damaged must not leave out what could not be read."""
    config = Config.model_validate([{"kind": kind, "path": list_on_s3(kind, on_s3.root, tmp_path)}])
    faulty.fault = lambda method, path, _: fault if method == "GET" and "/0." in path else None
    with pytest.raises(StorageError, match=r"S3 fails|does not answer"):
        crawl(config, settings)
    assert fault in faulty.made
    faulty.fault = lambda method, path, number: None
    counts = crawl(config, settings).artifact.manifest().counts
    assert counts.rows_out > 0
    assert counts.rejected == {}
