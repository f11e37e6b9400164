"""A run waits in Prefect for a person's approval: it goes on, is refused, or ends when nobody answers."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.toy import NumbersConfig, numbers

from flows.approval import request as approval
from flows.approval.request import ApprovalError
from flows.run import Run
from tasks.engine.artifact import Artifact
from tasks.settings import Approval, Settings

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("prefect_server")]

LIMIT_S = 200.0
Answer = dict[str, Any]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployed flow with toy stages in place of the data stages and the trainings; it looks every 0.1 s."""
    from flows import deployments
    from flows.approval import pause

    def short(run: Run, config: object, approve: Callable[[Artifact], None]) -> Artifact:
        pairs = run(numbers, NumbersConfig(shards=1))
        approve(pairs)
        return run(numbers, NumbersConfig(shards=2))

    monkeypatch.setattr(approval, "preset_here", lambda: "cpu-2-cores")
    monkeypatch.setattr(deployments, "whole_pipeline", short)
    monkeypatch.setattr(deployments, "publish_run", lambda report: None)
    monkeypatch.setattr(deployments, "require_ready", lambda *_: None)
    monkeypatch.setattr(pause, "POLL_S", 0.1)


def newest_run() -> Any:
    """None before the first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return next(iter(client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)), None)


def answer_in_the_ui(answer: Answer, seen: list[Any]) -> None:
    """Waits for the pause, keeps what the UI shows, and sends what its form sends."""
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + LIMIT_S
    while not ((run := newest_run()) and run.state and run.state.is_paused()):
        assert time.monotonic() < deadline, run
        time.sleep(0.1)
    with get_client(sync_client=True) as client:
        keyset = run.state.state_details.run_input_keyset
        assert keyset is not None
        while (shown := client._client.get(f"/flow_runs/{run.id}/input/{keyset['schema']}")).status_code == 404:
            time.sleep(0.1)
        seen += [shown.json(), client._client.get(f"/flow_runs/{run.id}/input/{keyset['description']}").json()]
        client.resume_flow_run(run.id, run_input=answer)


def run_pipeline(settings: Settings, answer: Answer | None, seen: list[Any], **bounds: float) -> Artifact:
    from flows import deployments

    bounded = settings.model_copy(
        update={"approval": Approval.model_validate({"above_gpu_hours": 0, "within_hours": 0.06} | bounds)}
    )
    person = threading.Thread(target=answer_in_the_ui, args=(answer, seen), daemon=True)
    if answer is not None:
        person.start()
    try:
        return deployments.pipeline("smoke", {}, bounded)
    finally:
        if answer is not None:
            person.join(LIMIT_S)


def page() -> str:
    from prefect.artifacts import Artifact as Page

    found = Page.get("approval")
    assert found is not None
    return str(found.data)


def test_an_approved_run_goes_on(settings: Settings) -> None:
    seen: list[Any] = []
    report = run_pipeline(settings, {"approved": True, "note": "the budget of May"}, seen)
    assert report.is_finished()
    assert newest_run().state.is_completed()
    schema, description = seen
    assert set(schema["properties"]) == {"approved", "note"}
    assert "train_dvae and train_prior would take" in description
    assert "| where | 1 cpu-2-cores |" in description
    assert "smoke on 1 cpu-2-cores, single" in page()
    assert page().startswith("# Approved\n\nthe budget of May")


def test_a_refused_run_ends_in_a_sentence_with_the_note(settings: Settings) -> None:
    with pytest.raises(ApprovalError, match=r"which was refused \(wait for June\): run again"):
        run_pipeline(settings, {"approved": False, "note": "wait for June"}, [])
    run = newest_run()
    assert run.state.is_failed()
    assert "wait for June" in run.state.message
    assert page().startswith("# Refused")


def test_a_run_that_nobody_approves_ends_in_a_sentence(settings: Settings) -> None:
    with pytest.raises(ApprovalError, match=r"nobody approved within 0\.0003 hours: run again"):
        run_pipeline(settings, None, [], within_hours=0.0003)
    assert newest_run().state.is_failed()


def test_a_run_below_its_bound_is_not_paused(settings: Settings) -> None:
    assert run_pipeline(settings, None, [], above_gpu_hours=1000, within_hours=0.0003).is_finished()
