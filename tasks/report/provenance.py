"""Where a report comes from: the commit of the code that writes it, and the command that started the run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
GIT_LIMIT_S = 5.0


@dataclass(frozen=True)
class Provenance:
    """Each is None where it is not known, such as the commit in an installed package."""

    commit: str | None = None
    command: str | None = None


def commit_of(repository: Path = REPOSITORY) -> str | None:
    """The short hash of the checked-out commit, with `-dirty` behind it if files differ from it."""
    if not (repository / ".git").exists():
        return None
    git = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True, timeout=GIT_LIMIT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
