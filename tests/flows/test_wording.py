"""How far a stage is, in words: what is done, the pace, and the time left."""

import pytest

from flows.wording import how_far, without_passwords
from tasks.engine.output import Progress


@pytest.mark.parametrize(
    ("progress", "before", "elapsed", "words"),
    [
        (Progress(120, 300, "steps, loss 2.100"), 0, 60, "120 of 300 steps, loss 2.100, 2 a second, 1 min 30 s left"),
        (Progress(120, 300, "steps, loss 2.100"), 60, 60, "120 of 300 steps, loss 2.100, 1 a second, 3 min 00 s left"),
        (Progress(120, 300, "steps", eta_s=5), 0, 60, "120 of 300 steps, 2 a second, 5.0 s left"),
        (Progress(2, 10, "shards"), 0, 60, "2 of 10 shards, 30 s each, 4 min 00 s left"),
        (Progress(0, 10, "shards"), 0, 60, "0 of 10 shards, 1 min 00 s so far"),
        (Progress(10, 10, "shards"), 10, 60, "10 of 10 shards, 1 min 00 s so far"),
        (Progress(0, 1, "shards"), 0, 60, "working, 1 min 00 s so far"),
        (Progress(0, 0, "steps", waits="no node is free"), 0, 60, "waiting, 1 min 00 s so far: no node is free"),
        (None, 0, 60, "working, 1 min 00 s so far"),
    ],
)
def test_how_far_a_stage_is(progress: Progress | None, before: int, elapsed: float, words: str) -> None:
    assert how_far(progress, before, elapsed) == words


def test_passwords_in_addresses_are_not_shown():
    told = without_passwords("dalle run --set source=https://ann:secret@a.example/ --root s3://bucket/a@b")
    assert told == "dalle run --set source=https://…@a.example/ --root s3://bucket/a@b"
