"""A process that competes with others for leases."""

import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tasks.engine.lock import only_writer
from tasks.errors import StageBusyError


def take_every_round(folder: str, rounds: int, ready: Barrier, held: Barrier) -> None:
    for number in range(rounds):
        ready.wait()
        try:
            with only_writer(f"{folder}/{number}.lock"):
                Path(f"{folder}/{number}.won-{os.getpid()}").touch()
                held.wait()  # nobody lets go before everyone has tried
        except StageBusyError:
            held.wait()
