"""What the SSH launcher finds out about hosts before it starts anything there."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tasks.errors import ConfigError, LauncherError
from tasks.launch import agent
from tasks.launch.ssh import SshLauncher
from tasks.settings import Settings

LOOPBACK = agent._loopback()
HERE = ("env", "DALLE_NO_HOST={host}")  # a command to run what follows on this machine
# A host whose answers differ from this machine's.
OTHER = """
import json, sys
from tasks.launch import host
given = json.load(sys.stdin)
print("Welcome!")
print(json.dumps(host.ORDERS[given.pop("order")](**given) | json.loads(sys.argv[1])))
"""


@pytest.fixture(autouse=True)
def _project_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def launcher(*reach: str, **changes: Any) -> SshLauncher:
    return SshLauncher(**{"hosts": ("a", "b"), "interface": LOOPBACK, "reach": reach or HERE} | changes)


def other(**answer: Any) -> SshLauncher:
    return launcher(sys.executable, "-c", OTHER, json.dumps(answer))


def test_hosts_that_answer_as_this_machine_does_are_fit() -> None:
    launcher().require()


def test_what_a_host_prints_at_a_login_does_not_matter() -> None:
    other().require()


def test_a_host_that_cannot_be_reached_is_named_with_what_the_command_said(tmp_path: Path) -> None:
    refused = launcher("sh", "-c", "echo 'a: Permission denied (publickey).' >&2; exit 255", "{host}")
    with pytest.raises(ConfigError, match=r"^Host a gave no answer \(a: Permission denied \(publickey\)\.\): `sh -c "):
        refused.require()
    with pytest.raises(LauncherError, match="Host a gave no answer"):
        refused.submit("support.toy_trainer", tmp_path)
    assert refused.find(tmp_path) is None


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="No such file or directory: 'no-such-shell'"):
        launcher("no-such-shell", "{host}").require()


@pytest.mark.parametrize(("what", "version"), [("torch", "1.0"), ("models/", "123"), ("Python", "2.7")])
def test_a_host_with_other_code_is_named(what: str, version: str) -> None:
    from tasks.launch.host import versions

    with pytest.raises(ConfigError, match=f"^Host a has {what} {version}, and this machine .*: install the same"):
        other(versions=versions() | {what: version}).require()


def test_a_host_without_the_interface_is_named_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match=f"^Host a has no interface eth7 .*, but .*{LOOPBACK}"):
        launcher(interface="eth7").require()


def test_a_host_that_does_not_see_the_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match=f"^Host a does not see {tmp_path}: choose a --work-dir that all hosts"):
        other(record=None).submit("support.toy_trainer", tmp_path)


def test_a_host_that_does_not_answer_keeps_a_job_from_being_started_twice(tmp_path: Path) -> None:
    record = {"name": "1", "folder": str(tmp_path), "hosts": ["a", "b"]}
    (tmp_path / "ssh.json").write_text(json.dumps(record))
    silent = ("sh", "-c", "exit 255", "{host}")
    with pytest.raises(LauncherError, match=r"Host [ab] gave no answer \(exit status 255\)"):
        launcher(*silent).find(tmp_path)
    assert launcher(*silent, hosts=("c", "d")).find(tmp_path) is None  # the old hosts were given up


@pytest.mark.parametrize("host", ["-oProxyCommand=reboot", "a b", "a;b", "", "$(b)"])
def test_a_host_cannot_be_an_option_or_words_of_a_shell(host: str) -> None:
    with pytest.raises(ValidationError, match="hosts"):
        launcher(hosts=("a", host))


def test_a_host_named_twice_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValidationError, match="a host is named twice: raise processes_per_node"):
        launcher(hosts=("a", "a"))


def test_the_example_in_infra_is_a_launcher() -> None:
    example = yaml.safe_load((Path(__file__).parents[3] / "infra" / "ssh.yaml").read_text())
    assert isinstance(Settings(launcher=example).launcher, SshLauncher)
