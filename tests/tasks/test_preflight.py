"""What a run needs is looked at before anything is started, and each fault is told in one sentence."""

import socket
from pathlib import Path

import pytest

from tasks import preflight
from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.config import Config as DedupConfig
from tasks.errors import ConfigError, SourceError, StorageError
from tasks.fetch.config import Config as FetchConfig
from tasks.screen_images.config import Config as ScreenImagesConfig
from tasks.settings import Settings


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def with_s3_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_a_ready_machine_passes_and_keeps_no_probe(settings: Settings) -> None:
    preflight.require_ready((CrawlConfig(), FetchConfig(), ScreenImagesConfig(), DedupConfig()), settings)
    assert list(Path(settings.root).iterdir()) == []


def test_an_evaluation_set_that_is_not_there_is_refused_before_anything_is_crawled(
    settings: Settings, tmp_path: Path
) -> None:
    dedup = DedupConfig(evaluation_set=str(tmp_path / "coco"))
    with pytest.raises(SourceError, match=r"coco does not exist: check dedup\.evaluation_set"):
        preflight.require_ready((CrawlConfig(), FetchConfig(), ScreenImagesConfig(), dedup), settings)


def test_an_opt_out_list_that_is_not_there_is_refused_before_anything_is_crawled(
    settings: Settings, tmp_path: Path
) -> None:
    fetch = FetchConfig(opt_out_list=str(tmp_path / "no.txt"))
    with pytest.raises(ConfigError, match=r"There is no list .*no\.txt: check fetch\.opt_out_list"):
        preflight.require_ready((CrawlConfig(), fetch, ScreenImagesConfig(), DedupConfig()), settings)


def test_a_clip_that_is_not_there_is_refused_before_anything_is_crawled(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    screening = ScreenImagesConfig(clip=str(tmp_path / "clip"), min_clip_score=0.3)
    with pytest.raises(SourceError, match=r"clip holds no published model .* in screen_images\.clip"):
        preflight.require_ready((CrawlConfig(), FetchConfig(), screening, DedupConfig()), settings)


@pytest.mark.parametrize("root", ["gs://bucket/runs", "http://host/runs", "memory://runs", "s3://", " "])
def test_a_root_of_an_unknown_kind_is_refused(root: str) -> None:
    with pytest.raises(ConfigError, match="s3://"):
        preflight.require_root(root)


@pytest.mark.parametrize("inside", ["file/runs", "file"])
def test_a_root_or_a_work_folder_under_a_file_is_refused(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="--root"):
        preflight.require_root(str(tmp_path / inside))
    with pytest.raises(StorageError, match="--work-dir"):
        preflight.require_ready(
            (CrawlConfig(), FetchConfig(), ScreenImagesConfig(), DedupConfig()),
            Settings(root=str(tmp_path / "runs"), work_dir=str(tmp_path / inside)),
        )


def test_a_root_the_system_does_not_let_one_make_is_refused() -> None:
    with pytest.raises(StorageError, match="Cannot write to /proc/runs"):
        preflight.require_root("/proc/runs")


def test_s3_without_credentials_says_how_to_give_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_credentials(monkeypatch, tmp_path)
    with pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID"):
        preflight.require_root("s3://bucket/runs")


def test_s3_that_refuses_connections_is_named(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    with_s3_at(monkeypatch, closed_port)
    for write in (True, False):
        with pytest.raises(StorageError, match=f"127.0.0.1:{closed_port} does not answer"):
            preflight.require_root("s3://bucket/runs", write)


@pytest.mark.timeout(30)
def test_s3_that_accepts_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with_s3_at(monkeypatch, silent.getsockname()[1])
        with pytest.raises(StorageError, match="does not answer"):
            preflight.require_root("s3://bucket/runs")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "127.0.0.1:{}", "tls://127.0.0.1:{}"])
def test_a_dask_address_where_nothing_listens_is_refused(address: str, closed_port: int) -> None:
    with pytest.raises(ConfigError, match="No Dask scheduler answers"):
        preflight.require_dask(address.format(closed_port))


@pytest.mark.parametrize("address", ["scheduler", "tcp://scheduler", "tcp://host:port", ""])
def test_a_dask_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a Dask scheduler"):
        preflight.require_dask(address)


def test_a_dask_address_where_something_listens_passes() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        preflight.require_dask(f"tcp://127.0.0.1:{listening.getsockname()[1]}")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for section, told in (
        ("/nope", "/nope does not exist"),
        ([str(tmp_path), str(tmp_path / "file")], "is no folder"),
        ({"archive": "data/none.zip"}, "none.zip is not there"),
    ):
        with pytest.raises(SourceError, match=told):
            CrawlConfig.model_validate(section).require()
