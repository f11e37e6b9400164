"""kill -9 in the middle of a stage, then the same command again: nothing lost, nothing done twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

pytestmark = pytest.mark.end_to_end

FOLDERS = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]  # in tests/ there is a `tasks` too
RUN = """
import sys
sys.path[:0] = {folders!r}
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers
from tasks.settings import Settings
if __name__ == "__main__":
    settings = Settings.model_validate_json({settings!r})
    rows = numbers(NumbersConfig(), settings).artifact
    keep_even(KeepEvenConfig.model_validate_json({config!r}), settings, rows=rows)
"""


def run_in_a_process(tmp_path, settings, config):
    script = tmp_path / "run.py"
    script.write_text(RUN.format(folders=FOLDERS, settings=settings.model_dump_json(), config=config.model_dump_json()))
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("die_at", [0, 1, 2])
def test_a_killed_stage_continues_where_it_was_killed(tmp_path, settings, die_at):
    config = KeepEvenConfig(die_at=die_at, death_mark=str(tmp_path / "died"))
    artifact = keep_even.artifact(config, settings, rows=numbers.artifact(NumbersConfig(), settings))

    assert run_in_a_process(tmp_path, settings, config).returncode == -signal.SIGKILL
    assert not artifact.is_finished()
    done = {path: path.stat().st_mtime_ns for path in Path(artifact.uri).rglob("*.parquet")}
    assert len(done) == 2 * die_at  # kept rows and rejects of every shard before the one in which it was killed

    second = run_in_a_process(tmp_path, settings, config)
    assert second.returncode == 0, second.stderr
    assert {path: path.stat().st_mtime_ns for path in done} == done
    undisturbed = settings.model_copy(update={"root": str(tmp_path / "undisturbed")})
    expected = keep_even(config, undisturbed, rows=numbers(NumbersConfig(), undisturbed).artifact).artifact.manifest()
    assert artifact.manifest().model_dump(exclude={"run"}) == expected.model_dump(exclude={"run"})


def test_a_killed_dask_worker_has_its_shard_done_by_another(tmp_path, settings):
    from tasks.engine.shards import close_cluster

    on_dask = settings.model_copy(update={"dask_workers": 2})
    config = KeepEvenConfig(die_at=1, death_mark=str(tmp_path / "died"))
    kept = keep_even(config, on_dask, rows=numbers(NumbersConfig(), on_dask).artifact).artifact
    close_cluster()
    assert (tmp_path / "died").exists()
    assert kept.manifest().counts.rejected == {"odd": 15}
