"""Asks in the terminal before expensive trainings, where no Prefect UI could."""

import sys

import typer

from flows.approval.request import ApprovalError, request, require_approved
from flows.config import PipelineConfig
from flows.pipeline import dataset
from flows.recipes import RecipeName
from flows.run import PlannedRun
from tasks.settings import Settings


def approved_here(recipe: RecipeName, config: PipelineConfig, settings: Settings) -> Settings:
    """Settings to run with: those given without their bounds, once that is approved or nothing needs to be.

    Raises:
        ApprovalError: it was refused, or there is no terminal to ask in.
        ConfigError: the trainings cannot be planned.
    """
    pairs = dataset(PlannedRun(settings), config)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        require_approved(recipe, config, pairs, settings)
    elif needed := request(recipe, config, pairs, settings):
        typer.echo(f"{needed.plan}\n\n{needed.reason}.", err=True)
        if not typer.confirm("Begin these trainings?", err=True):
            raise ApprovalError("Not approved: nothing was started.")
    return settings.approved()
