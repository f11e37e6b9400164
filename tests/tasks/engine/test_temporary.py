"""Temporary folders: under the work folder, removed after use, and swept after a kill."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.toy import NumbersConfig, numbers

from tasks.engine.output import Output
from tasks.engine.temporary import sweep, temporary_folder
from tasks.errors import StorageError

KILLED = """
import os, signal, sys
from tasks.engine.output import Output
from tasks.engine.temporary import temporary_folder
from tasks.settings import Settings
with temporary_folder(Settings(work_dir=sys.argv[1])) as folder:
    open(folder + "/picture", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left(settings) -> list[Path]:
    return sorted((settings.local_work / "temporary").iterdir())


def test_a_folder_lies_under_the_work_folder_and_is_removed_after_use(settings):
    with temporary_folder(settings) as folder:
        assert Path(folder).is_relative_to(settings.local_work)
        sweep(settings)
        assert Path(folder).is_dir()
    assert left(settings) == []


@pytest.mark.end_to_end
def test_what_a_killed_process_left_is_gone_after_the_next_stage(settings):
    subprocess.run([sys.executable, "-c", KILLED, settings.work_dir], check=False, cwd=Path(__file__).parents[3])
    assert len(left(settings)) == 1
    numbers(NumbersConfig(), settings)
    assert left(settings) == []


@pytest.mark.parametrize("name", ["elsewhere_1_1.0_x", "notes", f"{os.uname().nodename}_one_two_three"])
def test_what_this_host_did_not_leave_stays(settings, name):
    (settings.local_work / "temporary" / name).mkdir(parents=True)
    sweep(settings)
    assert [path.name for path in left(settings)] == [name]


def test_a_work_folder_that_cannot_be_written_is_one_sentence(settings, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    blocked = settings.model_copy(update={"work_dir": str(tmp_path / "file" / "work")})
    with (
        pytest.raises(StorageError, match=r"Cannot write .*/file/work.*another place with --work-dir"),
        temporary_folder(blocked),
    ):
        pass
    with pytest.raises(StorageError, match=r"Cannot write .*/file/work.*another place with --work-dir"):
        assert Output(f"{settings.root}/toy/0123", blocked, lambda progress: None, "owner").scratch
