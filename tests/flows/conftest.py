"""Prefect for tests: one in-process server for the session, its files in a folder of their own."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from flows import environment

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="dalle-test-prefect-"))
environment.prepare()  # before anything imports Prefect


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A server with an empty database."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
