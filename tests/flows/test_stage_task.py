"""Stages as Prefect task runs: the same artifacts, graph edges, the state `Cached`, pages and retries."""

import base64
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from flows.run import DirectRun, Run
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Progress
from tasks.engine.stage import Observer, Outcome, Stage, StageConfig, stage
from tasks.errors import ConfigError, RowsLostError, StorageError
from tasks.settings import Settings

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("prefect_server")]


def toy_first(run: Run, count: int) -> Artifact:
    return run(numbers, NumbersConfig(rows_per_shard=count))


def toy_second(run: Run, rows: Artifact, lose: int) -> Artifact:
    even = run(keep_even, KeepEvenConfig(lose=lose), rows=rows)
    run(keep_even, KeepEvenConfig(), rows=even)
    return even


def toy(run: Run, count: int = 10, lose: int = 0) -> Artifact:
    """A DAG of two parts, written once for any way to run it."""
    rows = run.part(toy_first, count)
    return run.part(toy_second, rows, lose)


def as_flow(settings: Settings, **arguments: int) -> Artifact:
    """The toy DAG as a flow with two subflows."""
    from prefect import flow

    from flows.stage_task import PrefectRun

    @flow(name="toy", persist_result=False)
    def whole() -> Artifact:
        return toy(PrefectRun(settings), **arguments)

    return whole()


def runs(kind: str) -> list[Any]:
    """The newest flow or task runs first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

    with get_client(sync_client=True) as client:
        if kind == "flow":
            return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=3)
        return client.read_task_runs(sort=TaskRunSort.END_TIME_DESC, limit=20)


def page(key: str) -> str:
    from prefect.artifacts import Artifact as Page

    found = Page.get(key)
    assert found is not None
    return str(found.data)


def task_run(artifact: Artifact, state: str) -> Any:
    """Task states reach the database a moment after the run ends."""
    for _ in range(50):
        found = [run for run in runs("task") if run.name == artifact.stage and run.state.name == state]
        if found:
            return found[min(1, len(found) - 1)]  # newest first; the toy runs keep_even again on its own result
        time.sleep(0.2)
    raise AssertionError(f"no task run {artifact.stage} in state {state}")


def without_run(artifact: Artifact) -> dict[str, Any]:
    return artifact.manifest().model_dump(exclude={"run"})


def test_prefect_and_a_plain_run_make_the_same_manifests(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"root": str(tmp_path / "elsewhere")})
    assert without_run(as_flow(settings)) == without_run(toy(DirectRun(elsewhere)))


def test_a_second_run_shows_every_stage_as_cached(settings: Settings) -> None:
    first = as_flow(settings)
    task_run(first, "Completed")
    assert as_flow(settings) == first
    assert task_run(first, "Cached").state.type.value == "COMPLETED"


def test_edges_connect_subflows_and_the_stages_inside_one_also_when_cached(settings: Settings) -> None:
    for state in ("Completed", "Cached"):
        done = as_flow(settings)
        source = task_run(done, state)
        [user] = [run for run in runs("task") if run.name == "keep_even" and run.task_inputs["inputs"]][:1]
        assert [edge.id for edge in user.task_inputs["inputs"]] == [source.id]
        [second] = [run for run in runs("task") if run.name.startswith("toy_second")][:1]
        assert [edge.id for edge in second.task_inputs["rows"]] == [runs("flow")[1].id]


def test_task_runs_are_named_and_tagged_after_their_stage(settings: Settings) -> None:
    assert task_run(as_flow(settings), "Completed").tags == ["stage:keep_even"]


def test_a_stage_publishes_its_account_and_its_rejects(settings: Settings) -> None:
    from prefect import flow

    from flows.stage_task import PrefectRun

    @flow(name="toy-page", persist_result=False)
    def published() -> Artifact:
        run = PrefectRun(settings)
        return run(keep_even, KeepEvenConfig(), rows=run(numbers, NumbersConfig(rows_per_shard=7)))

    done = published()
    text = page("keep-even")
    assert "| 21 | 11 | 10 |" in text
    assert "| `odd` | 10 | 47.6% |" in text
    assert done.uri in text


def test_a_failing_stage_fails_the_run_at_once_and_keeps_its_sentence(settings: Settings) -> None:
    with pytest.raises(RowsLostError, match="please report it"):
        as_flow(settings, lose=1)
    assert sorted(run.state.name for run in runs("flow")) == ["Completed", "Failed", "Failed"]


class HiccupConfig(StageConfig):
    """File that counts the attempts, and the error of the first."""

    notes: str
    kind: str


@stage(HiccupConfig)
def hiccup(config: HiccupConfig, output: Output) -> None:
    """Fails the first time."""
    notes = Path(config.notes)
    attempts = len(notes.read_text()) if notes.exists() else 0
    notes.write_text("x" * (attempts + 1))
    if attempts:
        return
    if config.kind == "storage":
        raise StorageError("The store hung up.") from ConnectionResetError(104, "reset")
    if config.kind == "full":
        raise StorageError("No space left.") from OSError(28, "full")
    raise ConfigError("Wrong from the start.")


@pytest.mark.parametrize(("kind", "attempts"), [("storage", 2), ("full", 1), ("config", 1)])
def test_only_a_transient_error_of_storage_is_retried(
    settings: Settings, tmp_path: Path, kind: str, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    from flows import stage_task

    monkeypatch.setattr(stage_task, "RETRY_AFTER_S", 0)
    notes = tmp_path / "notes"

    @flow(name="toy-hiccup", persist_result=False)
    def trying() -> None:
        stage_task.PrefectRun(settings)(hiccup, HiccupConfig(notes=str(notes), kind=kind))

    if attempts == 1:
        with pytest.raises((StorageError, ConfigError)):
            trying()
    else:
        trying()
    assert len(notes.read_text()) == attempts


def test_an_observer_in_the_process_receives_the_events_of_every_stage(settings: Settings) -> None:
    from flows.stage_task import watched_by

    class Listing(Observer):
        finished_stages: list[tuple[str, bool]] = []  # noqa: RUF012

        def finished(self, stage: Stage, outcome: Outcome) -> None:
            self.finished_stages.append((stage.name, outcome.reused))

    with watched_by(Listing()):
        as_flow(settings)
        as_flow(settings)
    assert [reused for _, reused in Listing.finished_stages] == [False, False, False, True, True, True]


def test_the_log_of_a_task_holds_how_far_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from flows import publish, stage_task

    waited = threading.Event()

    class Quick(publish.Publisher):
        def __init__(self) -> None:
            super().__init__(log_every_s=0.02)

    @stage(NumbersConfig)
    def slow(config: NumbersConfig, output: Output) -> None:
        output.watch(Progress(40, 100, "steps, loss 2.000"))
        waited.wait(0.3)

    monkeypatch.setattr(stage_task, "Publisher", Quick)
    with caplog.at_level("INFO"):
        as_flow_of(slow, settings)
    lines = [record.getMessage() for record in caplog.records if record.name == "prefect.task_runs"]
    assert any(line.startswith("40 of 100 steps, loss 2.000, ") for line in lines)


def test_the_pictures_of_a_training_are_an_artifact_each_time_they_are_new(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flows import publish

    picture, shown = tmp_path / "codes.png", []
    monkeypatch.setattr(publish, "FIRST_AFTER_S", 0.0)
    monkeypatch.setattr(publish, "EVERY_S", 0.0)
    make = publish.create_markdown_artifact
    monkeypatch.setattr(publish, "create_markdown_artifact", lambda **fields: (shown.append(fields), make(**fields)))

    @stage(NumbersConfig)
    def training(config: NumbersConfig, output: Output) -> None:
        for number, content in enumerate((b"first", b"first", b"second")):
            if not picture.exists() or picture.read_bytes() != content:
                picture.write_bytes(content)
                os.utime(picture, ns=(number, number))
            output.watch(Progress(10 * number, 100, "steps", pictures=(picture,)))

    as_flow_of(training, settings)
    pages = [fields["markdown"] for fields in shown if fields["key"] == "training-pictures"]
    for content, page in zip((b"first", b"second"), pages, strict=True):
        assert base64.b64encode(content).decode() in page
    assert [page.splitlines()[0] for page in pages] == ["# After 0 steps", "# After 20 steps"]


def test_the_curves_of_a_training_are_one_artifact_that_changes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client

    from flows import publish

    curve, made = tmp_path / "metrics.jsonl", []
    for name in ("FIRST_AFTER_S", "EVERY_S", "CURVES_EVERY_S"):
        monkeypatch.setattr(publish, name, 0.0)
    make = publish.create_markdown_artifact

    def recorded(**fields: str) -> object:
        artifact = make(**fields)
        if fields["key"] == "training-curves":
            made.append(artifact)
        return artifact

    monkeypatch.setattr(publish, "create_markdown_artifact", recorded)

    @stage(NumbersConfig)
    def training(config: NumbersConfig, output: Output) -> None:
        for step in range(3):
            with curve.open("a") as file:
                file.write(json.dumps({"step": step, "loss": 2.0 - step / 2}) + "\n")
            output.watch(Progress(step + 1, 3, "steps", curves=(curve,)))

    as_flow_of(training, settings)
    (artifact,) = made
    with get_client(sync_client=True) as client:
        page = client.request("GET", "/artifacts/{id}", path_params={"id": artifact}).json()["data"]
    assert page.splitlines()[4:] == ["| 0 | 2 |", "| 1 | 1.5 |", "| 2 | 1 |"]


def as_flow_of(stage: Stage, settings: Settings) -> None:
    from prefect import flow

    from flows.stage_task import PrefectRun

    @flow(name="one", persist_result=False)
    def one() -> None:
        PrefectRun(settings)(stage, NumbersConfig())

    one()
