"""kill -9 at random times of random processes of `dalle run`, again and again: the end is that of an undisturbed run.

`DALLE_KILLS=100 DALLE_SEED=1 pytest -m slow tests/faults/test_random_kills.py` for more kills than the suite's few.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from support.manifests import accounts
from support.small_demo import small_source

pytestmark = pytest.mark.slow

DALLE = str(Path(sys.executable).parent / "dalle")
KILLS = int(os.environ.get("DALLE_KILLS", "3"))
SEED = int(os.environ.get("DALLE_SEED", str(random.SystemRandom().randrange(10**6))))
STRAY_S = 5.0
RUN_S = 25.0  # kills fall in this time after a start: less than a run takes, so few runs end before
PREFECT_START_S = 15.0
END_S = 600  # for a whole run, which takes one minute, or five on a machine that does much else
MARK = "DALLE_DRILL"
# Training that outlives a killed run is meant to: the next run finds it and waits for it.
TRAINER = re.compile(r"torch\.distributed\.run|models\.training\.start|models\.\w+\.train")


@dataclass
class Place:
    """Folders for one chain of runs; only `root`, `work` and `state` may be written."""

    folder: Path
    source: list[str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, with_prefect: bool) -> subprocess.Popen:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "XDG_"))}
        for name in ("home", "tmp", "cwd"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        env |= {"HOME": f"{self.folder}/home", "TMPDIR": f"{self.folder}/tmp", MARK: self.mark}
        env |= {"DALLE_STATE": f"{self.folder}/state", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [DALLE, "run", "--recipe", "smoke", "--root", f"{self.folder}/root"]
        command += ["--work-dir", f"{self.folder}/work", "--dask-workers", "1", *self.source]
        command += [] if with_prefect else ["--no-prefect"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env=env, cwd=self.folder / "cwd", start_new_session=True
            )

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def processes(self) -> list[psutil.Process]:
        """All that the runs of this place started and that still live."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def strays(self, within_s: float = STRAY_S) -> list[str]:
        """Command lines of what is no trainer and still lives after `within_s`."""
        deadline = time.monotonic() + within_s
        while left := [" ".join(line) for line in self._command_lines() if not TRAINER.search(" ".join(line))]:
            if time.monotonic() > deadline:
                return left
            time.sleep(0.2)
        return []

    def _command_lines(self) -> Iterator[list[str]]:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                yield process.cmdline()

    def shared_memory(self) -> set[Path]:
        """What the processes of this place have in /dev/shm."""
        found = set()
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                maps = Path(f"/proc/{process.pid}/maps").read_text()
                found |= {Path(name) for name in re.findall(r"/dev/shm/\S+", maps)}
        return found

    def misplaced(self) -> set[str]:
        """Files and folders outside the root, the work and the state folder."""
        places = [self.folder / name for name in ("home", "tmp", "cwd")]
        return {str(path.relative_to(self.folder)) for place in places for path in place.rglob("*")}


@dataclass
class Found:
    """What was wrong, all kills together, so that one drill tells everything."""

    kills: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, *words: object) -> None:
        print("FAULT", *words, flush=True)
        self.faults.append(" ".join(map(str, words)))


def kill(run: subprocess.Popen, chance: random.Random) -> str:
    """Kills the main process, its group, or one of its descendants; returns what."""
    what = chance.choice(["main", "group", "child"])
    children = sorted(psutil.Process(run.pid).children(recursive=True), key=lambda child: child.pid)
    if what == "child" and children:
        victim = chance.choice(children)
        with contextlib.suppress(psutil.Error):
            what = f"child {' '.join(victim.cmdline())[-60:]}"
            victim.kill()
        return what
    (os.killpg if what == "group" else os.kill)(run.pid, signal.SIGKILL)
    return "group" if what == "group" else "main"


def drill(place: Place, chance: random.Random, kills: int, found: Found) -> int:
    """Runs and kills until the pipeline ends or `kills` are made, then once more to its end; returns the kills made."""
    made = 0
    while made < kills:
        with_prefect = chance.random() < 0.25
        run = place.start(with_prefect)
        before = place.log.stat().st_size
        tracker_killed = False
        while made < kills:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(chance.uniform(0, RUN_S + with_prefect * PREFECT_START_S))
                break
            shared = place.shared_memory()
            what = kill(run, chance)
            # Python's tracker removes the semaphores of killed processes, 32 bytes each, unless it is killed too.
            tracker_killed |= "resource_tracker" in what
            untracked = tracker_killed or what == "group"
            made += 1
            found.kills[what.split()[0]] = found.kills.get(what.split()[0], 0) + 1
            print(time.strftime("%H:%M:%S"), made, "prefect" if with_prefect else "direct", what, flush=True)
            if not what.startswith("child"):
                run.wait()
                if strays := place.strays():
                    found.fault("still runs after", what, strays)
                if not untracked and (left := [path for path in shared if path.exists() and not place.processes()]):
                    found.fault("left in /dev/shm after", what, left)
                break
        told = place.log.read_bytes()[before:].decode(errors="replace")
        if "Traceback" in told and not tracker_killed:  # a new tracker prints one for each name it does not know
            found.fault("a traceback:", told[-3000:])
        if misplaced := place.misplaced():
            found.fault("misplaced", sorted(misplaced)[:20])
            for path in sorted(misplaced, reverse=True):
                with contextlib.suppress(OSError):
                    (place.folder / path).rmdir() if (place.folder / path).is_dir() else (place.folder / path).unlink()
        if run.poll() == 0:
            return made
        if run.poll() is None:
            break
    run = run if run.poll() is None else place.start(False)
    if run.wait(END_S) != 0:  # it may have lost a child to the last kill
        run = place.start(False)
        assert run.wait(END_S) == 0, place.log.read_text()[-3000:]
    return made


@pytest.mark.timeout(4 * END_S + 60 * KILLS)
def test_random_kills_change_nothing_and_leave_nothing(tmp_path: Path) -> None:
    print(f"\nDALLE_SEED={SEED} DALLE_KILLS={KILLS}")
    chance = random.Random(SEED)
    source = small_source(tmp_path)
    undisturbed = Place(tmp_path / "undisturbed", source)
    run = undisturbed.start(with_prefect=False)
    assert run.wait(END_S) == 0, undisturbed.log.read_text()[-3000:]
    expected = accounts(undisturbed.folder / "root")
    found, made = Found(), 0
    if misplaced := undisturbed.misplaced():
        found.fault("misplaced by the undisturbed run", sorted(misplaced))
    while made < KILLS:
        place = Place(tmp_path / f"killed-{made}", source)
        made += drill(place, chance, KILLS - made, found)
        if accounts(place.folder / "root") != expected:
            found.fault("other results in", place.folder)
        for pattern in ("**/*.lock", "**/*.tmp"):
            if left := list((place.folder / "root").glob(pattern)):
                found.fault("left in the root", left)
        if strays := place.strays():
            found.fault("still runs after the end", strays)
    print("kills:", found.kills)
    assert not found.faults, "\n".join(found.faults)
