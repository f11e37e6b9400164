"""What a user sees of a trainer: its files, its exit status, its error message."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.ranks import ROOT

from models.clip.train import CLIPJob
from models.clip.train import train as train_clip
from models.dvae.train import DVAEJob
from models.dvae.train import train as train_dvae
from models.prior.train import PriorJob
from models.prior.train import train as train_prior
from models.training import entry
from models.training.entry import main
from models.training.records import MetricsFile

Job = Callable[..., dict[str, Any]]


def _main(kind: Any, train: Any, job: dict[str, Any], tmp_path: Path) -> int:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    return main(kind, train, [str(path)])


def test_each_trainer_writes_a_model_and_its_metrics(
    dvae_job: Job, prior_job: Job, clip_job: Job, tmp_path: Path
) -> None:
    trainers = [
        (DVAEJob, train_dvae, dvae_job("dvae"), {"psnr", "usage", "perplexity", "train_psnr"}),
        (PriorJob, train_prior, prior_job("prior"), {"loss", "text", "image", "train_loss", "train_text"}),
        (CLIPJob, train_clip, clip_job("clip"), {"accuracy", "train_accuracy"}),
    ]
    for kind, train, job, metrics in trainers:
        assert _main(kind, train, job, tmp_path) == 0
        out = Path(job["out"])
        written = {path.name for path in out.iterdir()}
        assert {"weights.safetensors", "config.json", "metrics.jsonl", "progress.json", "done.json"} <= written
        done = json.loads((out / "done.json").read_text())
        assert metrics <= done["metrics"].keys()
        assert done["steps"] == 12
        assert done["seconds"] > 0
        assert done["peak_rss_mb"] > 10
        assert done["device"]


@pytest.mark.parametrize("val", [True, False])
def test_a_trained_tokenizer_is_measured_as_at_the_end_of_its_training(
    dvae_job: Job, tmp_path: Path, val: bool
) -> None:
    trained, measured = dvae_job("trained"), dvae_job("measured")
    for job in (trained, measured):
        job["data"]["val"] = job["data"]["train"] if val else []
    assert _main(DVAEJob, train_dvae, trained, tmp_path) == 0
    assert _main(DVAEJob, train_dvae, measured | {"pretrained": trained["out"]}, tmp_path) == 0
    before, after = (json.loads(Path(job["out"], "done.json").read_text())["metrics"] for job in (trained, measured))
    assert after
    assert all(name.startswith("train_") for name in after) != val
    assert after == {name: pytest.approx(before[name]) for name in after}
    assert {path.name for path in Path(measured["out"]).iterdir()} == {"done.json"}


def test_a_finished_run_returns_at_once_and_changes_nothing(dvae_job: Job, tmp_path: Path) -> None:
    assert _main(DVAEJob, train_dvae, dvae_job(), tmp_path) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert _main(DVAEJob, train_dvae, dvae_job(), tmp_path) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("model", "image_size", 17, "image_size 17"),
        ("model", "colour", 3, "model.colour"),
        ("training", "steps", 0, "training.steps"),
        ("training", "warmup_steps", 99, "warmup_steps"),
        ("data", "train", ["/nowhere.parquet"], "/nowhere.parquet"),
        ("training", "augment", "maybe", "training.augment"),
    ],
)
def test_a_mistake_in_a_job_is_one_clear_sentence(
    dvae_job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str], section: str, key: str, value: Any, says: str
) -> None:
    job = dvae_job()
    job[section][key] = value
    assert _main(DVAEJob, train_dvae, job, tmp_path) == 1
    message = capfd.readouterr().err.strip()
    assert says in message
    assert len(message.splitlines()) == 1
    error = json.loads((tmp_path / "out" / "error.json").read_text())
    assert says in error["message"]
    assert set(error) == {"type", "message"}


def test_images_too_small_for_the_augmentation_are_a_clear_error(
    dvae_job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = dvae_job()
    job["model"]["image_size"] = 32
    assert _main(DVAEJob, train_dvae, job, tmp_path) == 1
    assert "24x24 pixels is too small for crops of 32" in capfd.readouterr().err


def test_a_successful_run_removes_the_error_of_a_failed_one(dvae_job: Job, tmp_path: Path) -> None:
    job = dvae_job()
    shards = job["data"]["train"]
    job["data"]["train"] = ["/nowhere.parquet"]
    assert _main(DVAEJob, train_dvae, job, tmp_path) == 1
    job["data"]["train"] = shards
    assert _main(DVAEJob, train_dvae, job, tmp_path) == 0
    assert not (tmp_path / "out" / "error.json").exists()


def test_no_job_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(DVAEJob, train_dvae, []) == 2
    assert "usage" in capfd.readouterr().err


def test_tokens_of_another_dvae_are_refused(prior_job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = prior_job()
    job["model"]["image_vocab"] = 5
    assert _main(PriorJob, train_prior, job, tmp_path) == 1
    assert "beyond the prior's image vocabulary" in capfd.readouterr().err


def test_a_tokenizer_of_another_size_is_refused(
    prior_job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = prior_job()
    job["model"]["text_length"] = 9
    assert _main(PriorJob, train_prior, job, tmp_path) == 1
    assert "does not fit" in capfd.readouterr().err


@pytest.mark.parametrize("damage", ["{\n", "[]\n", '{"step": null}\n', "\x00\x00\n", "\n"])
def test_damaged_lines_of_the_curves_are_dropped_when_a_run_resumes(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n' + damage + '{"step": 2}\n{"step": 9}\n')
    MetricsFile(path, resumed_step=3).close()
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_state_belongs_to_the_same_shards_under_another_root_and_to_no_others(dvae_job: Job) -> None:
    def name_of(**changes: Any) -> str:
        job = dvae_job()
        return entry._name_of(
            DVAEJob.model_validate(job | {"data": {"train": ["/a/pack/12/train-0.parquet"]} | changes})
        )

    assert name_of() == name_of(train=["s3://elsewhere/runs/pack/12/train-0.parquet"])
    assert name_of() != name_of(train=["/a/pack/34/train-0.parquet"])
    assert name_of() != name_of(val=["/a/pack/12/val-0.parquet"])


@pytest.mark.parametrize(("ranks", "said"), [("1", "Python ended\n"), ("2", "")])
def test_one_of_several_ranks_ends_without_pythons_own_end(ranks: str, said: str) -> None:
    program = "import atexit; from models.training.entry import end; atexit.register(print, 'Python ended'); end(3)"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WORLD_SIZE": ranks}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (3, said)
