"""`dalle up` says what it waits for, before it waits."""

from pathlib import Path

import pytest

from flows.cli import services
from flows.cli.services import Service


def test_each_wait_is_told_before_it_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    happened: list[str] = []
    service = Service(pid=1, started=0.0, api="http://127.0.0.1:1/api")
    monkeypatch.setenv("DALLE_STATE", str(tmp_path))
    monkeypatch.setattr(services.environment, "prepare", lambda services: None)
    monkeypatch.setattr(services, "_start_server", lambda *_: service)
    monkeypatch.setattr(services, "_start_worker", lambda _: service)
    monkeypatch.setattr(services, "_wait_for", lambda path, name, _: happened.append(f"wait: {name}"))
    monkeypatch.setattr(services, "end_crashed", lambda *_: happened.append("wait: killed") or [])
    monkeypatch.setattr(services, "deploy", lambda *_: happened.append("wait: deployments"))
    services.up(1, tmp_path / "prefect.yaml", tell=lambda phase: happened.append(f"told: {phase}"))
    assert [line.partition(":")[0] for line in happened] == ["told", "wait"] * 4
    for told, waited in zip(happened[::2], happened[1::2], strict=True):
        assert waited.removeprefix("wait: ") in told
