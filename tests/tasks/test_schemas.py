"""Reading the tables that pass between stages."""

import io
import random

import pyarrow as pa
import pytest
from support.tables import artifact

from tasks import schemas
from tasks.engine import storage
from tasks.errors import DamagedArtifactError


class CountingFile(io.FileIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def readinto(self, buffer) -> int:
        found = super().readinto(buffer)
        CountingFile.read_bytes += found
        return found


class CountingStorage:
    def open(self, path, mode):
        return io.BufferedReader(CountingFile(path, mode), 1024)


def test_a_reader_of_captions_does_not_read_the_images_beside_them(settings, monkeypatch):
    rows_in = [{"caption": f"caption {n}", "image": random.Random(n).randbytes(100_000)} for n in range(8)]
    (uri,) = artifact("images", settings, rows_in).files("images")
    storage_bytes = storage.size_bytes(uri)
    monkeypatch.setattr(storage, "filesystem", lambda uri: (CountingStorage(), uri))
    captions = schemas.read_table(uri, ["caption"])["caption"].to_pylist()
    assert sorted(captions) == [f"caption {n}" for n in range(8)]
    assert 0 < CountingFile.read_bytes < 200_000 < storage_bytes


@pytest.mark.parametrize("columns", [None, ["image"]])
def test_a_flipped_bit_is_found_however_a_shard_is_read(settings, columns):
    (uri,) = artifact("images", settings, [{"image": random.Random(1).randbytes(10_000)}]).files("images")
    with open(uri, "r+b") as file:
        data = bytearray(file.read())
        data[len(data) // 2] ^= 1
        file.seek(0)
        file.write(data)
    with pytest.raises(DamagedArtifactError, match=r"delete .* and run again"):
        schemas.read_table(uri, columns)
    with pytest.raises(DamagedArtifactError, match=r"delete .* and run again"):
        list(schemas.read_batches(uri, columns or ["image"], 1))


def test_a_storage_that_fails_while_it_is_read_is_not_taken_for_a_damaged_file(settings, monkeypatch):
    """Whoever is told of damage deletes the artifact."""
    (uri,) = artifact("images", settings, [{"image": b"picture"}]).files("images")

    class Silent(CountingStorage):
        def open(self, path, mode):
            raise TimeoutError("no answer")

    monkeypatch.setattr(storage, "filesystem", lambda uri: (Silent(), uri))
    with pytest.raises(storage.StorageError, match="no answer"):
        schemas.read_table(uri, ["image"])


def test_rejects_are_the_rows_with_a_reason_and_have_null_where_nothing_is_known():
    found = pa.table({"url": ["a", "b", "c"], "pair_id": ["1", "2", "3"], "width": [1, 2, 3]})
    reasons, details = pa.array([None, "small", "flat"], pa.string()), pa.array(["1x", "2x", None], pa.string())
    rejects = schemas.rejects(found, reasons, details)
    assert rejects.schema == schemas.REJECTS
    assert rejects.select(["pair_id", "reason", "detail", "url"]).to_pylist() == [
        {"pair_id": "2", "reason": "small", "detail": "2x", "url": "b"},
        {"pair_id": "3", "reason": "flat", "detail": None, "url": "c"},
    ]
    assert rejects["caption"].null_count == rejects["image"].null_count == 2
