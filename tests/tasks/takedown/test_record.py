"""The record of takedowns: a plain file to which each is added once."""

import json
import threading
from pathlib import Path

import pytest

from tasks.engine import storage
from tasks.errors import DamagedArtifactError
from tasks.takedown.record import add_to_record, read_record, record_uri
from tasks.takedown.takedowns import takedown_of

CAT, DOG = takedown_of("https://example.org/cat.jpg"), takedown_of("dogs.example")


def test_without_a_record_nothing_is_taken_down(tmp_path: Path) -> None:
    assert read_record(str(tmp_path / "runs")) == []
    assert not (tmp_path / "runs").exists()


def test_each_is_a_line_and_is_recorded_once(tmp_path: Path) -> None:
    root = str(tmp_path / "runs")
    [cat] = add_to_record(root, [CAT, takedown_of("http://EXAMPLE.org:80/cat.jpg#top")], "asked\u2028by mail")
    [dog] = add_to_record(root, [CAT, DOG])
    assert add_to_record(root, [DOG, takedown_of("DOGS.example.")]) == []
    assert read_record(root) == [cat, dog]
    assert [line.takedown for line in read_record(root)] == [CAT, DOG]
    assert (cat.reason, dog.reason) == ("asked\u2028by mail", "")
    first = json.loads(Path(record_uri(root)).read_text().split("\n")[0])
    assert {**first, "when": ""} == {"kind": "url", "value": CAT.value, "when": "", "reason": "asked\u2028by mail"}


def test_nothing_is_lost_when_several_record_at_once(tmp_path: Path) -> None:
    root = str(tmp_path / "runs")
    named = [takedown_of(f"https://example.org/{number}.jpg") for number in range(24)]
    threads = [threading.Thread(target=add_to_record, args=(root, [CAT, each])) for each in named]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorded = read_record(root)
    assert len(recorded) == 25
    assert {line.takedown for line in recorded} == {CAT, *named}


def test_a_last_line_that_an_editor_left_open_stays_whole(tmp_path: Path) -> None:
    root = str(tmp_path)
    add_to_record(root, [CAT])
    uri = record_uri(root)
    storage.write_bytes(uri, storage.read_bytes(uri).rstrip(b"\n"))
    add_to_record(root, [DOG])
    assert [line.takedown for line in read_record(root)] == [CAT, DOG]


@pytest.mark.parametrize(
    "line", [b"example.org", b'{"kind": "url"}', b'{"kind": "page", "value": "x", "when": ""}', b"\xff"]
)
def test_a_line_that_cannot_be_read_is_an_error_and_never_passed_over(tmp_path: Path, line: bytes) -> None:
    root = str(tmp_path)
    add_to_record(root, [CAT])
    uri = record_uri(root)
    damaged = storage.read_bytes(uri) + b"\n" + line + b"\n"
    storage.write_bytes(uri, damaged)
    for use in (read_record, lambda root: add_to_record(root, [DOG])):
        with pytest.raises(DamagedArtifactError, match=r"^Line 3 of .*takedowns\.jsonl is no takedown: repair or"):
            use(root)
    assert storage.read_bytes(uri) == damaged
