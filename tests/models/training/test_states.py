"""Checkpoints are whole or not there, are checked before they are used, and only some are kept."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.loop import Batch, Learner, Loop
from models.training.randomness import Step
from models.training.states import States


class Still(Learner):
    """Has one weight, and the validation scores it is given."""

    def __init__(self, scores: list[float] | None = None) -> None:
        super().__init__()
        self.model = torch.nn.Linear(1, 1)
        torch.nn.init.ones_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)
        self.scores = scores or []

    def batch(self, step: Step) -> Batch:
        return {"x": torch.randn(2, 1, generator=step.generator("x"))}

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        return {"loss": self.model(batch["x"]).square().mean()}

    def validate(self) -> dict[str, float]:
        return {"loss": self.scores.pop(0)} if self.scores else {}


def _loop(out: Path, scores: list[float] | None = None, **more: int) -> Loop:
    config = TrainingConfig(**{"steps": 8, "batch_size": 2, "warmup_steps": 2, "checkpoint_every": 2} | more)  # type: ignore[arg-type]
    return Loop(Still(scores), config, out, Ranks(), "job")


def _kept(out: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in (out / "checkpoints").glob("step-*"))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "one bit flipped": lambda folder: _flip(folder / "rank-00000.safetensors"),
    "one bit of the last byte flipped": lambda folder: (folder / "rank-00000.safetensors").write_bytes(
        (data := (folder / "rank-00000.safetensors").read_bytes())[:-1] + bytes([data[-1] ^ 1])
    ),
    "truncated": lambda folder: os.truncate(folder / "rank-00000.safetensors", 100),
    "empty": lambda folder: os.truncate(folder / "rank-00000.safetensors", 0),
    "missing": lambda folder: (folder / "rank-00000.safetensors").unlink(),
    "digest flipped": lambda folder: _flip(folder / "SHA256SUMS"),
    "digest empty": lambda folder: os.truncate(folder / "SHA256SUMS", 0),
    "digest missing": lambda folder: (folder / "SHA256SUMS").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_word(
    tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _loop(tmp_path).run()
    DAMAGES[damage](tmp_path / "checkpoints" / "step-000000008")
    again = _loop(tmp_path)
    assert again.step == 6
    assert "note: checkpoint step-000000008 is damaged" in capfd.readouterr().err
    assert any("step-000000008" in note for note in again.notes)
    again.run()
    assert _kept(tmp_path) == [6, 8]
    assert _loop(tmp_path).step == 8


def test_a_run_with_nothing_but_damaged_checkpoints_begins_again(tmp_path: Path) -> None:
    _loop(tmp_path).run()
    for folder in (tmp_path / "checkpoints").glob("step-*"):
        DAMAGES["truncated"](folder)
    again = _loop(tmp_path, keep_checkpoints=1)
    assert again.step == 0
    assert len(again.notes) == 3  # two checkpoints, and that nothing is held out
    again.run()
    assert _kept(tmp_path) == [8]


@pytest.mark.parametrize("name", ["metrics.jsonl", "progress.json", "done.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]\n"])
def test_damaged_records_never_end_a_run(tmp_path: Path, name: str, content: bytes) -> None:
    _loop(tmp_path).run()
    (tmp_path / name).write_bytes(content)
    _loop(tmp_path).run()


def test_the_newest_and_the_best_by_validation_are_kept(tmp_path: Path) -> None:
    _loop(tmp_path, [3.0, 1.0, 2.0], validate_every=2).run()
    assert _kept(tmp_path) == [4, 6, 8]


def test_the_best_is_known_after_a_resume(tmp_path: Path) -> None:
    _loop(tmp_path, [1.0, 2.0, 2.0], validate_every=2, keep_checkpoints=1).run()
    assert _kept(tmp_path) == [2, 8]
    assert _loop(tmp_path, keep_checkpoints=1)._best == -1.0


def test_without_a_score_only_the_newest_are_kept(tmp_path: Path) -> None:
    _loop(tmp_path, keep_checkpoints=3).run()
    assert _kept(tmp_path) == [4, 6, 8]


def test_what_is_saved_is_the_state_at_that_moment(tmp_path: Path) -> None:
    states, weight = States(tmp_path, keep=2, ranks=Ranks()), torch.ones(3)
    states.save(1, {"weight": weight}, {"step": 1}, None)
    weight.zero_()
    states.wait()
    path, _ = states.newest()
    assert path is not None
    assert torch.equal(states.read(path, {}.get).tensors["weight"], torch.ones(3))


def test_a_full_disk_is_an_error_at_the_next_checkpoint_and_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = States(tmp_path, keep=2, ranks=Ranks())
    states.save(1, {"weight": torch.ones(3)}, {"step": 1}, None)
    states.wait()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        states.save(2, {"weight": torch.ones(3)}, {"step": 2}, None)
        with pytest.raises(OSError, match="No space left"):
            states.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]


def test_leftovers_of_a_kill_are_removed_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / ".step-000000004").mkdir(parents=True)
    (tmp_path / "checkpoints" / ".removed-step-000000002").mkdir()
    assert _loop(tmp_path).step == 0
    assert list((tmp_path / "checkpoints").iterdir()) == []
