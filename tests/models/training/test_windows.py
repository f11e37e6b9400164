"""Row groups in memory while rows are read in the order of a training."""

import time
import weakref
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.order import Order
from models.training.shards import Shards
from models.training.windows import Windows

GROUP, WINDOW, BATCH = 2, 3, 4  # so batches lie in two windows of six rows now and then


def test_two_windows_are_in_memory_even_if_a_batch_lies_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "0.parquet"
    pq.write_table(pa.table({"number": range(40)}), path, row_group_size=GROUP)
    shards = Shards([str(path)], ["number"])
    read, tables = shards.read, list[weakref.ref[pa.Table]]()

    def kept(group: int, columns: list[str]) -> pa.Table:
        table = read(group, columns)
        tables.append(weakref.ref(table))
        return table

    monkeypatch.setattr(shards, "read", kept)
    windows = Windows(shards, Order(0, shards.sizes, WINDOW), ["number"])
    most = 0
    for first in range(0, 120, BATCH):
        rows = windows.at(range(first, first + BATCH))
        assert rows["number"] == rows["row"].tolist()
        time.sleep(0.005)  # the next window is read
        most = max(most, sum(table() is not None for table in tables))
    windows.close()
    assert most <= 2 * WINDOW


def test_encoded_images_are_views_of_the_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, images = tmp_path / "0.parquet", [bytes([number]) * number for number in range(12)]
    pq.write_table(pa.table({"image": pa.array(images, pa.binary())}), path, row_group_size=GROUP)
    shards = Shards([str(path)], ["image"])
    read, memory = shards.read, list[range]()

    def kept(group: int, columns: list[str]) -> pa.Table:
        table = read(group, columns)
        data = table["image"].chunk(0).buffers()[2]
        memory.append(range(data.address, data.address + data.size + 1))
        return table

    monkeypatch.setattr(shards, "read", kept)
    windows = Windows(shards, Order(0, shards.sizes, WINDOW), ["image"])
    rows = windows.at(range(12))
    windows.close()
    assert [image.to_pybytes() for image in rows["image"]] == [images[row] for row in rows["row"]]
    assert all(any(image.address in each for each in memory) for image in rows["image"])
