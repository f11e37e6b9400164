"""Prefect's server answers a request of a run with an error: the run goes on, or ends in one sentence."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from support.prefect_api import PrefectApi, prefect_api
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from flows.cli.errors import explained
from flows.run import Run
from tasks.engine.artifact import Artifact
from tasks.engine.stage import Observer, Outcome, Stage
from tasks.settings import Settings

pytestmark = pytest.mark.end_to_end

LOST = "Prefect's server no longer answers: the run goes on"


@pytest.fixture(scope="module")
def running_api() -> Iterator[PrefectApi]:
    """One for all tests: Prefect keeps the connection on which it asks for concurrency slots."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with (
        prefect_api() as running,
        temporary_settings({PREFECT_API_URL: running.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield running


@pytest.fixture
def api(running_api: PrefectApi) -> PrefectApi:
    from prefect.concurrency.services import _no_limits_cache

    _no_limits_cache.clear()  # for five seconds Prefect's client does not ask again where it was told of no limit
    running_api.fails, running_api.refused = {}, []
    return running_api


def toy(run: Run) -> Artifact:
    rows = run(numbers, NumbersConfig())
    return run(keep_even, KeepEvenConfig(), rows=rows)


def as_flow(settings: Settings, api: PrefectApi, words: str, status: int) -> Artifact:
    """The toy DAG as a subflow, during which requests whose path holds the words are answered with the status."""
    from prefect import flow

    from flows.stage_task import PrefectRun

    @flow(name="toy-faults", persist_result=False)
    def whole() -> Artifact:
        api.fails = {words: status}
        try:
            return PrefectRun(settings).part(toy)
        finally:
            api.fails = {}

    return whole()


@pytest.mark.parametrize("words", ["/concurrency_limits/", "/set_state", "/task_runs/", "/flow_runs/"])
def test_a_request_that_is_repeated_in_vain_leaves_the_run_without_the_server(
    settings: Settings, api: PrefectApi, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    assert as_flow(settings, api, words, HTTPStatus.SERVICE_UNAVAILABLE).is_finished()
    assert len(api.refused) >= 4, "Prefect's client repeats a request three times"
    assert capfd.readouterr().err.count(LOST) == 1


@pytest.mark.parametrize("words", ["/concurrency_limits/", "/set_state", "/task_runs/"])
def test_the_console_hears_of_every_stage_once_made_or_reused_wherever_the_server_is_lost(
    settings: Settings, api: PrefectApi, words: str
) -> None:
    from flows.stage_task import watched_by

    class Listing(Observer):
        def __init__(self) -> None:
            self.heard: list[tuple[str, bool]] = []

        def finished(self, stage: Stage, outcome: Outcome) -> None:
            self.heard.append((stage.name, outcome.reused))

    for reused in (False, True):
        console = Listing()
        with watched_by(console):
            as_flow(settings, api, words, HTTPStatus.SERVICE_UNAVAILABLE)
        assert console.heard == [(numbers.name, reused), (keep_even.name, reused)]


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE])
def test_a_page_that_the_server_does_not_take_is_left_out(
    settings: Settings, api: PrefectApi, capfd: pytest.CaptureFixture[str], status: HTTPStatus
) -> None:
    assert as_flow(settings, api, "/artifacts/", status).is_finished()
    assert api.refused == ["POST /api/artifacts/"] * 2, "one of each stage, which is not repeated"
    assert LOST not in capfd.readouterr().err


@pytest.mark.parametrize("words", ["/concurrency_limits/", "/set_state"])
def test_a_request_that_the_server_refuses_ends_the_run_in_one_sentence(
    settings: Settings, api: PrefectApi, words: str
) -> None:
    with pytest.raises(Exception, match="403") as caught:
        as_flow(settings, api, words, HTTPStatus.FORBIDDEN)
    told = explained(caught.value)
    assert told is not None
    sentence, code = told
    assert "403 Forbidden" in sentence
    assert words in sentence
    assert "run again to go on from what is finished" in sentence
    assert "\n" not in sentence
    assert code == 1


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_told_to_end_is_not_begun_again_and_soon_gives_up_to_tell_the_server(
    settings: Settings, api: PrefectApi, end: type[BaseException]
) -> None:
    from prefect import flow

    from flows.stage_task import PrefectRun

    begun = []

    def part(run: Run) -> None:
        begun.append(run)
        api.fails = {"/set_state": HTTPStatus.SERVICE_UNAVAILABLE}
        raise end

    @flow(name="toy-ended", persist_result=False)
    def whole() -> None:
        try:
            PrefectRun(settings).part(part)
        finally:
            api.fails = {}

    with pytest.raises(end):
        whole()
    assert len(begun) == 1
    assert len(api.refused) == 2, "asked, and asked again once"
