"""Training shards hold every pair once, and a pair's split never changes."""

import hashlib

import pytest
from support.tables import artifact, rows
from support.web import picture

from tasks import schemas
from tasks.errors import SourceError
from tasks.pack import BUCKETS, Config, bucket, pack

IMAGE = picture(0, (16, 16))


def pairs(count: int, first: int = 0) -> list[dict]:
    names = (hashlib.sha256(str(first + number).encode()).hexdigest()[:16] for number in range(count))
    return [{"pair_id": name, "image": IMAGE} for name in names]


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
    val = sum(bucket(row["pair_id"]) < fraction * BUCKETS for row in pairs(5000))
    assert abs(val / 5000 - fraction) < 0.02


@pytest.mark.parametrize("fraction", [0.0001, 0.06, 0.5, 0.9999])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_few_pairs_are_split_too(settings, count, fraction):
    images = artifact("images", settings, pairs(count - 1), pairs(1, count - 1))
    packed = pack(Config(val_fraction=fraction), settings, images=images).artifact
    train, val = ([row["pair_id"] for row in rows(packed, split)] for split in ("train", "val"))
    assert sorted(train + val) == sorted(row["pair_id"] for row in pairs(count))
    assert min(len(train), len(val)) >= 1
    assert max(map(bucket, val)) < min(map(bucket, train))


@pytest.mark.parametrize(("count", "said"), [(0, "No pair is left"), (1, "Only one pair is left")])
def test_pairs_that_cannot_be_split_are_one_sentence(settings, count, said):
    with pytest.raises(SourceError, match=f"{said}.* at least two.* larger source"):
        pack(Config(), settings, images=artifact("images", settings, pairs(count)))
