"""`dalle run` as a person calls it: the whole pipeline at smoke size, from the crawl to the report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.small_demo import small_source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DALLE = str(Path(sys.executable).with_name("dalle"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return small_source(tmp_path_factory.mktemp("archive"))


def dalle_run(folder: Path, *words: str) -> dict[str, Any]:
    """The JSON summary of a run whose files all lie in the folder."""
    command = [DALLE, "run", "--json", "--recipe", "smoke", "--root", str(folder / "runs"), "--work-dir", str(folder)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"DALLE_STATE": str(folder / "state")}
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("tokenizer", ["dvae", "vqgan"])
def test_the_pipeline_ends_in_a_report_with_either_tokenizer(tmp_path: Path, source: list[str], tokenizer: str) -> None:
    found = dalle_run(tmp_path, "--no-prefect", "--set", f"tokenizer={tokenizer}", *source)
    assert f"train_{tokenizer}" in [stage["stage"] for stage in found["stages"]]
    assert {stage["reused"] for stage in found["stages"]} == {False}
    page = Path(found["report"]).read_text()
    assert "<title>" in page
    assert {"psnr_db", "hit_rate_best", "codes_used"} <= found["figures"].keys()


def test_with_prefect_the_same_artifacts_are_found_again(tmp_path: Path, source: list[str]) -> None:
    first = dalle_run(tmp_path, *source)
    again = dalle_run(tmp_path, "--no-prefect", *source)
    assert [stage["artifact"] for stage in again["stages"]] == [stage["artifact"] for stage in first["stages"]]
    assert {stage["reused"] for stage in again["stages"]} == {True}
