"""Waits in the Prefect UI for a person's approval of a plan."""

import sys

from prefect.artifacts import create_markdown_artifact
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for
from pydantic import ConfigDict, Field

from flows.approval.request import ApprovalError, ApprovalRequest
from flows.pages.markdown import table
from flows.publish import best_effort, is_server_loss

POLL_S = 5
KEY = "approval"  # of the artifact that shows the plan and the answer


class Answer(RunInput):
    """The form of the UI."""

    model_config = ConfigDict(title="Approval")

    approved: bool = Field(False, description="Begin these trainings.")
    note: str = Field("", description="Why, for the record.")


def wait_for_approval(needed: ApprovalRequest, within_hours: float) -> None:
    """Pauses the current flow run until a person has answered; the plan and the answer stay as an artifact of the run.

    The process waits with it, and nothing else of the run goes on.

    Raises:
        ApprovalError: it was refused, nobody answered in time, or Prefect's server was lost.
    """
    asked = f"{needed.reason}.\n\n{table(('of the plan', ''), needed.figures)}\n"
    whole = f"{asked}\n```\n{needed.plan}\n```\n"
    _show(f"# Waiting for approval\n\n{whole}", needed.reason)
    told = f"{needed.reason}. Waiting for approval: Resume in {url_for('flow-run', flow_run.id)}"
    get_run_logger().info("%s", told)
    print(told, file=sys.stderr, flush=True)
    try:
        answer = pause_flow_run(
            Answer.with_initial_data(description=f"{asked}\nThe whole plan is the artifact `{KEY}` of this run."),
            timeout=round(3600 * within_hours),
            poll_interval=POLL_S,
            # One question for each attempt: Prefect would take the answer to an earlier one for that of a retry.
            key=f"{KEY}-{flow_run.run_count}",
        )
    except FlowPauseTimeout:
        raise ApprovalError(
            f"{needed.reason}, and nobody approved within {within_hours:g} hours: run again to be asked again."
        ) from None
    except Exception as error:
        if not is_server_loss(error):
            raise
        raise ApprovalError(
            f"{needed.reason}, and Prefect's server was lost while the run waited for approval: run again."
        ) from error
    note = f" ({answer.note})" if answer.note else ""
    verdict = "Approved" if answer.approved else "Refused"
    get_run_logger().info("%s%s", verdict, note)
    _show(f"# {verdict}\n\n{answer.note}\n\n{whole}", f"{verdict}{note}")
    if not answer.approved:
        raise ApprovalError(f"{needed.reason}, which was refused{note}: run again to be asked again.")


def _show(markdown: str, description: str) -> None:
    with best_effort():
        create_markdown_artifact(key=KEY, markdown=markdown, description=description)
