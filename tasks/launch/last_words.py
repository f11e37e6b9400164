"""Why a rank ended, out of the log of its training: the rank's own last words, not torchrun's banner."""

import re
import signal

# What torchrun, and Slurm around it, print when a rank has failed.
BANNER = "=" * 60
CAUSE = "Root Cause"
EXIT_CODE = re.compile(r"rank\s*: (?P<rank>\d+).*?exitcode\s*: (?P<code>-?\d+)", re.DOTALL)
AGENT_LINE = re.compile(r"\[?[DIWE]\d{4} |Traceback|  |torch\.distributed\.elastic|srun: |slurmstepd")


def ended_by_signal(log: str) -> str | None:
    """Which signal ended the first rank to fail on any of the machines; None if none did."""
    for cause in log.split(CAUSE)[1:]:
        ended = EXIT_CODE.search(cause)
        if ended and int(ended["code"]) < 0:
            name = signal.Signals(-int(ended["code"])).name
            remedy = ": often for want of memory; a smaller training.batch_size takes less" if name == "SIGKILL" else ""
            return f"rank {ended['rank']} was ended by {name}{remedy}"
    return None


def last_words(log: str) -> str:
    """The signal that ended the first rank to fail, or else the last line that is not torchrun's own."""
    if by_signal := ended_by_signal(log):
        return by_signal
    lines = [line for line in log.split(BANNER)[0].splitlines() if line.strip() and not AGENT_LINE.match(line)]
    if lines:
        return lines[-1].strip()
    ended = EXIT_CODE.search(log[log.rfind(CAUSE) :]) if CAUSE in log else None
    return f"rank {ended['rank']} ended with exit status {ended['code']}" if ended else "it printed nothing"
