"""What a stage tells its trainer beside its config."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.train import PriorJob
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
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


def test_a_way_to_share_a_model_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="'ddp', 'fsdp' or 'hsdp'"):
        Settings.model_validate({"sharding": "single"})
