"""Where a report comes from: the commit of the code that writes it, and the command that started the run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Each is None where it is not known, such as the commit in an installed package."""

    commit: str | None = None
    command: str | None = None
