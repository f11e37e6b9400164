"""Flow runs whose process was killed together with the worker that would have reported it.

Prefect calls such a run Running for ever, and it keeps its deployment's only slot, so that the schedule waits for it.
Prefect's own remedy, an automation on missing heartbeats, stalls a server on SQLite.
"""

from typing import TYPE_CHECKING
from uuid import UUID

import psutil

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

RUN_ID = "PREFECT__FLOW_RUN_ID"  # in the environment of each process that a worker starts
_WHY = "Its process no longer runs. The next run goes on from what is finished."


def end_crashed(api: str, pool: str) -> list[str]:
    """Sets runs of the pool that should have a process here and have none to Crashed, their subflows too.

    To be called while no worker of the pool is starting runs. The server must be one that this machine alone reaches:
    a run of another host has no process here either.

    Returns:
        The names of the runs, without those of subflows.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        active = _active(client)
        alive = _running_here()
        gone = [run for run in active if run.work_pool_name == pool and run.id not in alive]
        for run in gone:
            for part in [*_subflows(client, run, active), run]:
                _crash(client, part)
    return [run.name for run in gone]


def _active(client: "SyncPrefectClient") -> "list[FlowRun]":
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    types = [StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))
    return client.read_flow_runs(flow_run_filter=wanted)


def _running_here() -> set[UUID]:
    """The flow runs that a process of this machine works on."""
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(UUID(process.environ()[RUN_ID]))
        except (psutil.Error, KeyError, ValueError):
            continue
    return found


def _subflows(client: "SyncPrefectClient", run: "FlowRun", active: "list[FlowRun]") -> "list[FlowRun]":
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
    parts = {part.id for part in client.read_flow_runs(flow_run_filter=wanted)}
    return [part for part in active if part.id in parts]


def _crash(client: "SyncPrefectClient", run: "FlowRun") -> None:
    from prefect.states import Crashed

    client.set_flow_run_state(run.id, Crashed(message=_WHY), force=True)
