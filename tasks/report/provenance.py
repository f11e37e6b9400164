"""Where a report comes from: the commit of the code that writes it, and the command that started the run."""

import shlex
from dataclasses import dataclass

RUN = "dalle run"


@dataclass(frozen=True)
class Provenance:
    """Each is None where it is not known, such as the commit in an installed package."""

    commit: str | None = None
    command: str | None = None

    def command_of(self, *words: str) -> str | None:
        """The command line of another verb about the same run; None where no `dalle run` started it."""
        if self.command is None or not self.command.startswith(RUN):
            return None
        return shlex.join(["dalle", *words]) + self.command.removeprefix(RUN)

    def figure_command(self, path: str) -> str:
        """The command line that prints a figure by its path in report.json, or one for that file itself."""
        return self.command_of("report", path) or f"jq .{path} report.json"
