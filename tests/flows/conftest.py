"""Prefect for tests: one in-process server for the session, its files in a folder of their own."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from flows.cli import environment

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="dalle-test-prefect-"))
environment.prepare()  # before anything imports Prefect


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A server with an empty database."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # Without heartbeats a flow ends a second sooner.
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield
