"""What a stage tells its trainer beside its config."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from models.files import CURVES, MODEL_FILES
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.train import PriorJob
from tasks.engine.artifact import Artifact, Counts, TrainerRecord
from tasks.engine.output import Output
from tasks.launch.local import LocalLauncher
from tasks.settings import Settings
from tasks.train import trainer


class StartedError(Exception):
    pass


def test_how_ranks_share_a_model_comes_from_the_settings_not_from_the_config(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs: list[dict[str, Any]] = []

    def started(module: str, job: dict[str, Any], *others: Any) -> dict[str, Any]:
        jobs.append(job)
        raise StartedError

    monkeypatch.setattr(trainer, "launch", started)
    for settings in (Settings(), Settings(sharding="hsdp")):
        output = cast(Output, SimpleNamespace(settings=settings, scratch=tmp_path, watch=None))
        data = {"train": ["a"], "val": [], "bpe": "b"}
        with pytest.raises(StartedError):
            trainer.run_trainer("m", PriorModelConfig(), PriorTrainingConfig(), data, cast(Artifact, None), output)
    plain, sharded = (PriorJob.model_validate(job | {"out": "o"}) for job in jobs)
    assert (plain.sharding.mode, sharded.sharding.mode) == ("ddp", "hsdp")
    assert plain.model_copy(update={"sharding": sharded.sharding}) == sharded


def test_the_record_of_the_run_says_on_what_how_many_processes_trained_and_how_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (*MODEL_FILES, CURVES):
        (tmp_path / name).write_bytes(b"")
    done = {"metrics": {}, "precision": "bf16", "device": "NVIDIA H200", "seconds": 12.5}
    monkeypatch.setattr(trainer, "launch", lambda *_: done)
    settings = Settings(launcher=LocalLauncher(processes_per_node=4), work_dir=str(tmp_path / "work"))
    output = Output(f"{tmp_path}/runs/train_prior/{'0' * 16}", settings, lambda progress: None, "")
    monkeypatch.setattr(Output, "scratch", tmp_path)
    monkeypatch.setattr(Output, "write", lambda *_: None)
    rows = SimpleNamespace(manifest=lambda: SimpleNamespace(counts=Counts()))
    trainer.run_trainer("m", PriorModelConfig(), PriorTrainingConfig(), {}, cast(Artifact, rows), output)
    assert output.trainer == TrainerRecord(device="NVIDIA H200", processes=4, seconds=12.5)


def test_a_way_to_share_a_model_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="'ddp', 'fsdp' or 'hsdp'"):
        Settings.model_validate({"sharding": "single"})
