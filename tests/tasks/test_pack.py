"""Training shards hold every pair once, and an image's split never changes."""

import hashlib
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tables import artifact, rows
from support.web import picture

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.row_groups import TableFile
from tasks.errors import SourceError
from tasks.pack import BUCKETS, Config, bucket, pack

IMAGE = picture(0, (16, 16))
LARGEST_GROUP = 500_000  # bytes


def pairs(count: int, first: int = 0) -> list[dict]:
    names = (hashlib.sha256(str(first + number).encode()).hexdigest()[:16] for number in range(count))
    return [{"pair_id": name, "url": f"https://example.com/{name}.png", "image": IMAGE} for name in names]


def test_every_pair_is_in_train_or_val_exactly_once(settings):
    packed = pack(
        Config(val_fraction=0.2), settings, images=artifact("images", settings, pairs(60), pairs(40, 60))
    ).artifact
    train, val = ([row["pair_id"] for row in rows(packed, split)] for split in ("train", "val"))
    assert sorted(train + val) == sorted(row["pair_id"] for row in pairs(100))
    assert 8 <= len(val) <= 32
    assert packed.manifest().metrics == {"train_pairs": len(train), "val_pairs": len(val)}


def test_a_pair_stays_in_its_split_when_pairs_are_added(settings):
    few, more = (
        pack(Config(), settings, images=artifact("images", settings, pairs(count))).artifact for count in (50, 100)
    )
    known = {row["pair_id"] for row in pairs(50)}
    assert {row["pair_id"] for row in rows(few, "val")} == {r["pair_id"] for r in rows(more, "val")} & known


def test_small_shards_are_merged_and_large_ones_left(settings):
    images = artifact("images", settings, pairs(10), pairs(10, 10), pairs(30, 20), pairs(5, 50))
    packed = pack(Config(pairs_per_shard=20), settings, images=images).artifact
    assert len(packed.files("train")) == 3
    assert schemas.read_table(packed.files("train")[0]).schema.equals(schemas.PAIRS, check_metadata=False)


@pytest.mark.parametrize("fraction", [0.06, 0.5])
def test_the_share_of_the_validation_set_is_the_configured_fraction(fraction):
    val = sum(bucket(row["url"]) < fraction * BUCKETS for row in pairs(5000))
    assert abs(val / 5000 - fraction) < 0.02


@pytest.mark.parametrize("fraction", [0.0001, 0.06, 0.5, 0.9999])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_few_pairs_are_split_too(settings, count, fraction):
    images = artifact("images", settings, pairs(count - 1), pairs(1, count - 1))
    packed = pack(Config(val_fraction=fraction), settings, images=images).artifact
    train, val = ([row["url"] for row in rows(packed, split)] for split in ("train", "val"))
    assert sorted(train + val) == sorted(row["url"] for row in pairs(count))
    assert min(len(train), len(val)) >= 1
    assert max(map(bucket, val)) < min(map(bucket, train))


@pytest.mark.parametrize("fraction", [0.0001, 0.06, 0.5, 0.9999])
def test_all_captions_of_an_image_are_in_the_same_split(settings, fraction):
    rows_in = [
        {"url": f"https://example.com/{image}.png", "caption": f"caption {number} of {image}", "image": IMAGE}
        for number in range(5)
        for image in range(30)
    ]
    images = artifact("images", settings, rows_in[::2], rows_in[1::2])
    packed = pack(Config(val_fraction=fraction, pairs_per_shard=20), settings, images=images).artifact
    train, val = ([row["url"] for row in rows(packed, split)] for split in ("train", "val"))
    assert len(train) + len(val) == len(rows_in)
    assert train
    assert val
    assert not set(train) & set(val)


def packed(settings, *shards, **config) -> dict[str, str]:
    """The split of each image, by its URL, after packing rows that may state one."""
    made = pack(Config(**config), settings, images=artifact("images", settings, *shards)).artifact
    found = [(row["url"], split) for split in ("train", "val") for row in rows(made, split)]
    assert len(dict(found)) == len(found)
    return dict(found)


def stating(split: str | None, count: int, first: int = 0) -> list[dict]:
    return [{**pair, "split": split} for pair in pairs(count, first)]


@pytest.mark.parametrize("fraction", [0.0001, 0.5, 0.9999])
def test_a_split_that_the_source_states_is_kept_whatever_the_hash(settings, fraction):
    shards = [stating("train", 20) + stating("validation", 10, 20), stating("validation", 5, 30)]
    found = packed(settings, *shards, val_fraction=fraction)
    assert found == {
        row["url"]: "val" if row["split"] == "validation" else "train" for shard in shards for row in shard
    }


def test_the_hash_decides_for_images_of_which_nothing_is_stated(settings):
    alone = packed(settings, pairs(60), val_fraction=0.3)
    mixed = packed(
        settings, pairs(60), stating("train", 5, 60), stating("validation", 5, 65), pairs_per_shard=20, val_fraction=0.3
    )
    assert {url: mixed[url] for url in alone} == alone
    assert {row["url"]: mixed[row["url"]] for row in pairs(10, 60)} == {
        row["url"]: "train" if number < 5 else "val" for number, row in enumerate(pairs(10, 60))
    }


def test_the_hash_decides_for_all_where_the_source_holds_nothing_out(settings):
    """Training needs a validation set, and such a source has named none that would be mixed with it."""
    stated = packed(settings, stating("train", 40), stating(None, 20, 40), val_fraction=0.3)
    assert stated == packed(settings, pairs(60), val_fraction=0.3)


@pytest.mark.parametrize("fraction", [0.0001, 0.9999])
def test_one_image_of_which_nothing_is_stated_is_left_to_training_if_no_other_is(settings, fraction):
    found = packed(settings, stating("validation", 20), stating(None, 3, 20), val_fraction=fraction)
    assert {found[row["url"]] for row in pairs(20)} == {"val"}
    assert "train" in {found[row["url"]] for row in pairs(3, 20)}


def test_a_source_that_holds_everything_out_is_one_sentence(settings):
    with pytest.raises(SourceError, match=r"Every image .* is stated to be held out .* add training images"):
        packed(settings, stating("validation", 20))


def most_memory(settings, images) -> tuple[int, Artifact]:
    """Bytes that Arrow held at most while the images were packed into one shard, and the packed pairs."""
    before = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(before)
    pa.set_memory_pool(counted)
    try:
        packed = pack(Config(val_fraction=0.2, pairs_per_shard=10_000), settings, images=images).artifact
    finally:
        pa.set_memory_pool(before)
    return counted.max_memory(), packed


def test_row_groups_are_bounded_in_bytes_and_memory_does_not_grow_with_the_shard(settings, monkeypatch):
    """Images of 256 px and more would else take gigabytes in the packing and in every reader of a row group."""
    monkeypatch.setattr("tasks.engine.row_groups.BYTES_PER_GROUP", LARGEST_GROUP)
    random_bytes = random.Random(1)
    large = [{**pair, "image": random_bytes.randbytes(10_000)} for pair in pairs(480)]
    few, _ = most_memory(settings, artifact("images", settings, *(large[part:240:4] for part in range(4))))
    most, packed = most_memory(settings, artifact("images", settings, *(large[part::4] for part in range(4))))
    assert most < 1.3 * few
    assert [len(packed.files(split)) for split in ("train", "val")] == [1, 1]
    sizes = []
    for uri in [*packed.files("train"), *packed.files("val")]:
        shard = pq.ParquetFile(uri)
        sizes += [shard.read_row_group(group).nbytes for group in range(shard.num_row_groups)]
    assert sum(sizes) > 480 * 10_000
    assert max(sizes) < 1.1 * LARGEST_GROUP
    assert sorted(sizes)[2] > 0.8 * LARGEST_GROUP  # all but the last of each shard are full
    assert list((settings.local_work / "temporary").iterdir()) == []


def test_a_table_written_in_parts_is_read_as_it_was_given(settings, monkeypatch):
    """Whatever the sizes of parts and rows, rows larger than a group among them."""
    monkeypatch.setattr("tasks.engine.row_groups.BYTES_PER_GROUP", 100)
    sizes = [0, 1, 5, 70, 3, 90, 200, 2, 2, 2, 49, 49, 3, 1]
    whole = pa.table({"n": list(range(len(sizes))), "image": [bytes(size) for size in sizes]})
    for cut in range(1, len(sizes)):
        file = TableFile(whole.schema, settings)
        for start in range(0, len(sizes), cut):
            file.add(whole.slice(start, cut))
        [(path, rows)] = file.finish()
        assert rows == whole.num_rows
        assert pq.read_table(path).equals(whole)
        assert file.num_rows == len(sizes)
        file.close()


@pytest.mark.parametrize(("count", "said"), [(0, "No image is left"), (1, "Only one image is left")])
def test_pairs_that_cannot_be_split_are_one_sentence(settings, count, said):
    with pytest.raises(SourceError, match=f"{said}.* at least two.* larger source"):
        pack(Config(), settings, images=artifact("images", settings, [*pairs(count), *pairs(count)]))
