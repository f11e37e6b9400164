"""The verbs about this machine: check it, and start and end Prefect's server on it."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import environment
from flows.cli.verbs.options import Json, Root, WorkDir, settings_of


def doctor(
    root: Root = None,
    work_dir: WorkDir = None,
    port: Annotated[int, typer.Option(help="Port meant for `dalle up`.")] = 4200,
    json_: Json = False,
) -> None:
    """Check this machine; each problem comes with its remedy. Exit code 1 if there is one."""
    import json
    from dataclasses import asdict

    from flows.cli.doctor import examine

    environment.use_running_server()
    findings = []
    for finding in examine(settings_of(root=root, work_dir=work_dir), port):
        findings.append(finding)
        if not json_:
            typer.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.check:<12} {finding.text}")
    if json_:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def up(
    port: Annotated[int, typer.Option(help="Port of the server and its UI.")] = 4200,
    file: Annotated[Path | None, typer.Option(help="Deployments.  [default: infra/prefect.yaml]")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with user:password, which the server then asks for.")
    ] = None,
) -> None:
    """Start a Prefect server with its UI, a worker, and the deployments with their schedules."""
    from flows.cli import console, services

    with console.WaitingLine() as tell:
        server = services.up(port, file.absolute() if file else services.DEPLOYMENTS, password_file, tell)
    typer.echo(f"Prefect is up: {server.ui}  (`dalle run` now shows there; `dalle down` ends it)")


def down() -> None:
    """End what `dalle up` started."""
    from flows.cli import services

    ended = services.down()
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing of `dalle up` is running.")
