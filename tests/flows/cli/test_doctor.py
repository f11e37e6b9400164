"""The doctor names each problem in one sentence, with the remedy."""

import socket
from pathlib import Path

import pytest

from flows.cli import doctor
from flows.cli.doctor import Finding
from tasks.settings import Settings


def bad(finding: Finding, *words: str) -> bool:
    return not finding.ok and all(word in finding.text for word in words)


def test_this_machine_has_no_problems(settings: Settings) -> None:
    assert [finding for finding in doctor.examine(settings, 4200) if not finding.ok] == []


def test_another_python_is_named_with_the_one_that_is_needed() -> None:
    assert doctor.python((3, 12)).ok
    assert bad(doctor.python((3, 13)), "3.13", "3.11 or 3.12")


def test_the_old_dataclasses_package_is_found_where_it_was_installed(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    assert doctor.backport([str(packages)]).ok
    (packages / "dataclasses.py").touch()
    assert bad(doctor.backport([str(packages)]), str(packages), "pip uninstall -y dataclasses")


@pytest.mark.parametrize(("found", "ok"), [("2.0.58", True), ("2.1.9", False), ("3.0", False), (None, False)])
def test_a_version_that_breaks_prefect_is_named(found: str | None, ok: bool) -> None:
    finding = doctor.below("sqlalchemy", found, (2, 1), "schedules silently never start a run")
    assert finding.ok == ok
    if found and not ok:
        assert bad(finding, found, "schedules", "pip install 'sqlalchemy<2.1'")


def test_only_the_tested_versions_of_prefect_and_torch_pass() -> None:
    assert doctor.prefect("3.8.8").ok
    assert bad(doctor.prefect("3.9.1"), "3.9.1", "3.8.x")
    assert bad(doctor.prefect(None), "missing")
    assert doctor.torch("2.13.0+cpu").ok
    assert bad(doctor.torch("2.15.0"), "2.15.0", "2.13.0")


def test_a_root_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert bad(doctor.storage_works(str(tmp_path / "file" / "runs")), "--root")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    assert bad(doctor.disk(tmp_path / "not" / "there", lambda path: 10**8), "0.1 GB", str(tmp_path))


def test_a_server_that_does_not_answer_is_named() -> None:
    assert bad(doctor.api("http://127.0.0.1:9/api"), "127.0.0.1:9", "dalle up")
    assert doctor.api(None).ok


def test_a_port_in_use_is_named_but_is_no_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = doctor.port(taken.getsockname()[1])
    assert finding.ok
    assert "taken" in finding.text
