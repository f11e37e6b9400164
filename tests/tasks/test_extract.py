"""Codes of every pair: those that the tokenizer gives each image alone, however the work is cut up."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import IMAGE_SIZE, tiny_tokenizer

from models.tokenizer import encode_images
from models.training.images import centre_crop, decode, prior_crop
from tasks import extract as module
from tasks import pack, schemas
from tasks.checkpoints import tokenizer_of
from tasks.engine.artifact import Artifact
from tasks.extract import READERS, Config, ahead, extract

CONFIG = Config(encodings=3, seed=5)


@pytest.fixture
def pairs(settings) -> Artifact:
    images = artifact("images", settings, emoji_pairs(24))
    return pack.pack(pack.Config(val_fraction=0.3), settings, images=images).artifact


@pytest.mark.parametrize("images_at_once", [1, 7, 64])
def test_a_code_is_that_of_its_image_alone_whatever_the_batch(settings, pairs, monkeypatch, images_at_once):
    monkeypatch.setattr(module, "IMAGES_AT_ONCE", {"cpu": images_at_once})
    made_from = tiny_tokenizer(settings)
    made = extract(CONFIG, settings, pairs=pairs, tokenizer=made_from).artifact
    model = tokenizer_of(made_from, settings)
    pictures = {row["pair_id"]: row["image"] for split in ("train", "val") for row in rows(pairs, split)}
    for split in ("train", "val"):
        for row in rows(made, split):
            encoded = pictures[row["pair_id"]]
            picture, digest = decode(encoded), int(hashlib.sha256(encoded).hexdigest()[:16], 16)
            random = [CONFIG.seed, row["crop"], digest]
            if row["crop"] == 0:
                crop = centre_crop(picture, IMAGE_SIZE)
            else:
                crop = prior_crop(picture, IMAGE_SIZE, np.random.default_rng(random))
            assert np.frombuffer(row["codes"], "<u2").tolist() == encode_images(model, crop[None])[0].tolist()


def test_training_images_have_every_encoding_and_held_out_ones_the_first(settings, pairs):
    made = extract(CONFIG, settings, pairs=pairs, tokenizer=tiny_tokenizer(settings)).artifact
    for split, crops in (("train", [0, 1, 2]), ("val", [0])):
        ids = [row["pair_id"] for row in rows(pairs, split)]
        assert [(row["crop"], row["pair_id"]) for row in rows(made, split)] == [(c, i) for c in crops for i in ids]


@pytest.fixture
def several_captions(settings) -> Artifact:
    """Three pairs for each of eight images, scattered, and another picture at an address that has one already."""
    images = [{**pair, "split": "train"} for pair in emoji_pairs(9)]
    images[8] = {**images[8], "url": images[0]["url"]}
    rows_in = [
        {**pair, "pair_id": f"{number:08x}{pair['pair_id'][:8]}", "caption": f"{pair['caption']}, {number}"}
        for number in range(3)
        for pair in images
    ]
    held_out = [{**pair, "split": "validation"} for pair in emoji_pairs(10)[9:]]
    made_from = artifact("images", settings, rows_in[:14] + held_out, rows_in[14:])
    return pack.pack(pack.Config(), settings, images=made_from).artifact


def test_an_image_with_several_captions_is_encoded_once_and_each_pair_has_its_codes(
    settings, several_captions, monkeypatch
):
    encoded: list[int] = []

    def counted(model, images, *arguments, **options):
        encoded.append(len(images))
        return encode_images(model, images, *arguments, **options)

    monkeypatch.setattr(module, "IMAGES_AT_ONCE", {"cpu": 15})
    monkeypatch.setattr("models.tokenizer.encode_images", counted)
    tokenizer = tiny_tokenizer(settings)
    made = rows(extract(CONFIG, settings, pairs=several_captions, tokenizer=tokenizer).artifact, "train")
    assert encoded == [15, 12, 1]  # 9 images of training in batches of 5, each thrice, and the held-out one
    given = rows(several_captions, "train")
    assert len(given) == 27
    assert [(row["crop"], row["pair_id"], row["caption"]) for row in made] == [
        (crop, row["pair_id"], row["caption"]) for crop in range(3) for row in given
    ]
    model = tokenizer_of(tokenizer, settings)
    for row, pair in zip(made, given, strict=False):  # the first encoding, which is not augmented
        alone = encode_images(model, centre_crop(decode(pair["image"]), IMAGE_SIZE)[None])[0]
        assert np.frombuffer(row["codes"], "<u2").tolist() == alone.tolist()
    by_image = {(row["crop"], pair["image"], row["codes"]) for row, pair in zip(made, given * 3, strict=True)}
    assert len(by_image) == 3 * 9


def test_a_shard_says_what_its_codes_were_made_by(settings, pairs):
    tokenizer = tiny_tokenizer(settings)
    made = extract(Config(precision="bf16"), settings, pairs=pairs, tokenizer=tokenizer).artifact
    for uri in made.files("train") + made.files("val"):
        said = pq.read_schema(uri).metadata
        assert (said[b"tokenizer"], said[b"precision"]) == (tokenizer.address.encode(), b"bf16")
        assert said[b"device"] in (b"cpu", b"cuda")


def test_images_are_read_only_a_few_batches_ahead_of_the_encoder(settings, pairs, monkeypatch):
    read_batches, (taken, used, furthest) = schemas.read_batches, (0, 0, 0)

    def counted(uri, columns, rows):
        nonlocal taken
        for batch in read_batches(uri, columns, 1):
            taken += 1
            yield batch

    def encode(*arguments, **options):
        nonlocal used, furthest
        furthest, used = max(furthest, taken - used), used + 1
        return encode_images(*arguments, **options)

    monkeypatch.setattr(module, "IMAGES_AT_ONCE", {"cpu": 1})
    monkeypatch.setattr(schemas, "read_batches", counted)
    monkeypatch.setattr("models.tokenizer.encode_images", encode)
    extract(Config(), settings, pairs=pairs, tokenizer=tiny_tokenizer(settings))
    assert used == pairs.manifest().counts.rows_out
    assert furthest <= READERS + 1


def test_the_model_is_freed_when_the_stage_ends(settings, pairs):
    extract(Config(), settings, pairs=pairs, tokenizer=tiny_tokenizer(settings))
    assert tokenizer_of.cache_info().currsize == 0


def test_a_damaged_image_ends_the_work_ahead_with_its_error():
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    assert list(ahead(work, range(5))) == list(range(5))
    with pytest.raises(ValueError, match="five"):
        list(ahead(work, range(100)))


def test_batches_hold_every_row_of_a_shard_once(tmp_path):
    path = tmp_path / "shard.parquet"
    pq.write_table(pa.table({"n": list(range(10)), "other": [0] * 10}), path, row_group_size=4)
    batches = list(schemas.read_batches(str(path), ["n"], 3))
    assert [n for batch in batches for n in batch["n"].to_pylist()] == list(range(10))
    assert max(len(batch) for batch in batches) <= 3
    assert batches[0].column_names == ["n"]
