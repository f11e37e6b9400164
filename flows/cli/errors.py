"""Errors as one line with the remedy. The error classes are imported only when an error occurs, to start quickly."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

DEBUG = "--debug"
WRONG_INPUT = 2  # what the person typed is wrong; 1 is for what went wrong later


class PlainGroup(TyperGroup):
    """A group of commands that prints what goes wrong in one line; `--debug` anywhere shows the traceback."""

    def main(self, args: Any = None, *more: Any, **options: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        self._debug = DEBUG in given
        return super().main([word for word in given if word != DEBUG], *more, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("\nStopped. Every finished stage and shard is kept: run again to go on from there.", err=True)
            raise typer.Exit(130) from None
        except Exception as error:
            known = None if self._debug else explained(error)
            if known is None:
                raise
            message, code = known
            typer.echo(f"Error: {message}", err=True)
            raise typer.Exit(code) from None


def explained(error: Exception) -> tuple[str, int] | None:
    """The line and the exit code for an error a person can act on; None for a bug."""
    from pydantic import ValidationError

    from models.training.errors import TrainingError
    from tasks.errors import ConfigError, PipelineError, SourceError

    if isinstance(error, PipelineError):
        return str(error), WRONG_INPUT if isinstance(error, ConfigError | SourceError) else 1
    if isinstance(error, TrainingError):  # a model that cannot be loaded
        return str(error), 1
    if isinstance(error, ValidationError):
        from flows.changes import one_line

        return one_line(error), WRONG_INPUT
    if type(error).__module__.split(".")[0] in ("prefect", "httpx"):
        from flows.publish import sentence

        return sentence(error), 1
    if type(error).__module__.startswith("botocore"):
        from tasks.engine import s3

        said = s3.sentence(error, "the artifacts")
        return (said, 1) if said else None
    return None
