"""Orders to hosts, all at once, and their answers."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MODULE = "tasks.launch.host"  # takes an order
ANSWER_S = 60.0  # for an order that waits for nothing
Answers = dict[str, dict[str, Any]]
Silent = dict[str, str]  # why a host gave no answer


def ask(
    commands: Mapping[str, Sequence[str]], orders: Mapping[str, Mapping[str, Any]], within_s: float
) -> tuple[Answers, Silent]:
    """The answers of hosts, and why others gave none, both in the order of `commands`.

    Args:
        commands: what runs `tasks.launch.host` on each host.
        orders: what each is asked, with the name of the function as "order".
    """
    with ThreadPoolExecutor(max(1, len(commands))) as pool:
        found = list(pool.map(lambda host: _answer(commands[host], orders[host], within_s), commands))
    answers, silent = {}, {}
    for host, (answer, why) in zip(commands, found, strict=True):
        if answer is None:
            silent[host] = why
        else:
            answers[host] = answer
    return answers, silent


def _answer(command: Sequence[str], order: Mapping[str, Any], within_s: float) -> tuple[dict[str, Any] | None, str]:
    """An answer, or else why there is none."""
    words = json.dumps(order)
    try:
        done = subprocess.run(command, input=words, capture_output=True, text=True, timeout=within_s, check=False)
    except OSError as error:
        return None, str(error)
    except subprocess.TimeoutExpired:
        return None, f"nothing for {within_s:g} s"
    try:
        return json.loads(done.stdout.splitlines()[-1]), ""  # what the host prints at a login is before it
    except (ValueError, IndexError):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return None, said[-1].strip() if said else f"exit status {done.returncode}"
