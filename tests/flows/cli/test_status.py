"""What `dalle status` says of artifacts that are not whole."""

from pathlib import Path

import pytest
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from flows.cli.status import status
from models.files import PROGRESS
from tasks.engine import storage
from tasks.engine.artifact import MANIFEST


@pytest.fixture
def plan(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    return [rows, keep_even(KeepEvenConfig(), settings, rows=rows).artifact]


def states(plan, settings, verify=False):
    return [row.state for row in status(plan, settings, verify)]


@pytest.mark.parametrize("verify", [False, True])
def test_a_lost_manifest_of_what_others_were_made_from_is_damage(plan, settings, verify):
    Path(plan[0].file(MANIFEST)).unlink()
    row = next(status(plan, settings, verify))
    assert (row.state, row.note) == ("damaged", f"{plan[0].address}/{MANIFEST} is missing")


def test_an_artifact_whose_folder_was_removed_is_absent(plan, settings):
    Path(plan[0].uri).rename(f"{settings.root}/elsewhere")
    assert states(plan, settings) == ["absent", "finished"]


def test_a_killed_stage_is_partial(plan, settings):
    Path(plan[1].file(MANIFEST)).unlink()
    assert states(plan, settings) == ["finished", "partial"]


def test_a_flipped_bit_is_found_when_digests_are_compared(plan, settings):
    shard = Path(plan[1].files("numbers")[0])
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    assert states(plan, settings) == ["finished", "finished"]
    assert states(plan, settings, verify=True) == ["finished", "damaged"]


def test_a_garbled_lease_is_damage_of_that_stage_alone(plan, settings):
    storage.write_bytes(f"{plan[0].uri}.lock", b"{")
    assert states(plan, settings) == ["damaged", "finished"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"step": 1}', '{"step": null, "steps": 3}'])
def test_a_damaged_progress_file_hides_no_other_stage(plan, settings, content):
    Path(plan[1].file(MANIFEST)).rename(f"{settings.root}/away")
    for marker in Path(plan[1].file("shards")).iterdir():
        marker.unlink()
    progress = settings.local_work / plan[1].address / PROGRESS
    progress.parent.mkdir(parents=True)
    progress.write_text(content)
    assert [(row.state, row.note) for row in status(plan, settings)] == [
        ("finished", ""),
        ("partial", "training begun"),
    ]
