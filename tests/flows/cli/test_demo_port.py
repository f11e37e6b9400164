"""A taken port of the demo's site is told before Prefect or a stage is started."""

from pathlib import Path

import pytest
from support.web import web_site

from flows.changes import changed
from flows.cli import run
from flows.cli.console import Silent
from flows.recipes import smoke
from tasks.crawl.config import Config
from tasks.crawl.sources.folder import FolderSource
from tasks.errors import PortInUseError
from tasks.settings import Settings


@pytest.mark.parametrize("no_prefect", [True, False])
def test_it_is_told_before_anything_is_started(settings: Settings, no_prefect: bool) -> None:
    with web_site({}) as taken:
        port = int(taken.rpartition(":")[2])
        config = changed(smoke(), {"source.port": port})
        with pytest.raises(PortInUseError, match=rf"Port {port} .*--set source\.port={port + 1}"):
            run.execute("smoke", config, settings, Silent(), no_prefect)
    assert list(Path(settings.root).iterdir()) == []


def test_a_source_without_the_site_needs_no_port(settings: Settings, tmp_path: Path) -> None:
    with web_site({}) as taken:
        source = Config(sources=(FolderSource(path=str(tmp_path)),), port=int(taken.rpartition(":")[2]))
        run.require_demo_port(smoke().model_copy(update={"source": source}), settings)
