"""Equal and nearly equal images are dropped; different ones are not, however similar."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.shown_pictures import file, pictures
from support.shown_pictures import image as shown_image
from support.tables import artifact, reasons, rows
from support.web import picture

from models.training.images import decode
from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.config import Config
from tasks.dedup.near_duplicates import HASH_BITS, hash_and_thumbnail
from tasks.dedup.signatures import sign
from tasks.dedup.stage import dedup


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def emoji(code: str) -> Image.Image:
    """An image of the demo's archive, on white."""
    with zipfile.ZipFile(CrawlConfig().archive_path) as archive:
        image = Image.open(io.BytesIO(archive.read(f"images/{code}.webp"))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def kept_and_dropped(settings, images: dict[str, bytes], shards: int = 1, **config):
    """Names of the kept images and reasons of the dropped, of images named and sized as given."""
    rows_in = []
    for name, image in images.items():
        width, height = Image.open(io.BytesIO(image)).size
        url = f"https://example.com/{name}"
        rows_in.append({"url": url, "caption": name, "image": image, "width": width, "height": height})
    parts = [rows_in[shard::shards] for shard in range(shards)]
    unique = dedup(Config(**config), settings, images=artifact("images", settings, *parts)).artifact
    return {row["caption"] for row in rows(unique, "images")}, reasons(unique), unique


def test_the_same_file_under_two_addresses_is_kept_once(settings):
    kept, dropped, unique = kept_and_dropped(settings, {"a": picture(1), "b": picture(1), "c": picture(2)}, shards=2)
    assert len(kept) == 2
    assert list(dropped.values()) == ["exact_duplicate"]
    (reject,) = rows(unique, "rejects")
    keeper = next(row for row in rows(unique, "images") if row["image"] == reject["image"])
    assert reject["detail"] == f"same as {keeper['pair_id']}"


@pytest.mark.parametrize("code", ["1f34e", "1f600", "1f3e0", "1f697"])
def test_smaller_and_recompressed_copies_are_dropped_and_the_largest_stays(settings, code):
    original = emoji(code)
    copies = {"original": jpeg(original, 95), "worse": jpeg(original, 60)}
    copies["small"] = jpeg(original.resize((96, 96), Image.Resampling.LANCZOS))
    copies["large"] = jpeg(original.resize((160, 160), Image.Resampling.BICUBIC))
    kept, dropped, _ = kept_and_dropped(settings, copies, shards=2)
    assert kept == {"large"}
    assert set(dropped.values()) == {"near_duplicate"}


@pytest.mark.parametrize(
    "codes",
    [
        ["1f550", "1f551", "1f552", "1f553", "1f554", "1f555", "1f556", "1f557", "1f558", "1f559", "1f55a", "1f55b"],
        ["1f311", "1f312", "1f313", "1f314", "1f315", "1f316", "1f317", "1f318"],
        ["1f499", "1f49a", "1f49b", "1f49c", "1f9e1", "1f90d", "1f90e"],
        ["1f4d7", "1f4d8", "1f4d9"],
    ],
    ids=["clocks", "moons", "hearts", "books"],
)
def test_images_that_differ_in_a_detail_or_a_colour_are_all_kept(settings, codes):
    kept, _, _ = kept_and_dropped(settings, {code: jpeg(emoji(code), 95) for code in codes})
    assert kept == set(codes)


def test_the_order_and_the_sharding_of_the_images_do_not_matter(settings):
    images = {f"{seed}-{side}": picture(seed, (side, side)) for seed in range(6) for side in (64, 80, 96)}
    shuffled = dict(random.Random(1).sample(list(images.items()), len(images)))
    first, _, _ = kept_and_dropped(settings, images)
    second, _, _ = kept_and_dropped(settings, shuffled, shards=4)
    assert first == second == {f"{seed}-96" for seed in range(6)}


def captions_of(name: str, image: bytes, *captions: str) -> list[dict]:
    """Rows of one image with several captions."""
    return [{"url": f"https://example.com/{name}", "caption": caption, "image": image} for caption in captions]


@pytest.mark.parametrize("shards", [1, 3])
def test_all_captions_of_an_image_are_kept_whatever_shard_they_are_in(settings, shards):
    """As in Flickr8k and COCO, which have five captions for each image."""
    many = [f"a dog runs, seen for the {number}. time" for number in range(5)]
    rows_in = captions_of("dog", picture(1), *many) + captions_of("cat", picture(2), *many)
    parts = [rows_in[shard::shards] for shard in range(shards)]
    unique = dedup(Config(), settings, images=artifact("images", settings, *parts)).artifact
    assert sorted((row["url"], row["caption"]) for row in rows(unique, "images")) == sorted(
        (row["url"], row["caption"]) for row in rows_in
    )


def test_a_duplicate_at_another_address_goes_with_all_its_captions(settings):
    rows_in = captions_of("a", picture(1), "a dog", "a brown dog") + captions_of("b", picture(1), "the dog", "one dog")
    rows_in += captions_of("c", picture(1, image_format="JPEG"), "dog", "dogs")
    unique = dedup(Config(), settings, images=artifact("images", settings, rows_in)).artifact
    assert len({row["url"] for row in rows(unique, "images")}) == 1
    assert len(rows(unique, "images")) == 2
    kept = {row["pair_id"] for row in rows(unique, "images")}
    assert {row["detail"].removeprefix("same as ") for row in rows(unique, "rejects")} <= kept
    assert sorted(row["reason"] for row in rows(unique, "rejects")) == ["exact_duplicate"] * 2 + ["near_duplicate"] * 2


def split_rows(name: str, image: bytes, split: str | None, *captions: str, side: int = 80) -> list[dict]:
    plain = captions_of(name, image, *captions or (f"a picture named {name}",))
    return [{**row, "split": split, "width": side, "height": side} for row in plain]


def splits_kept(settings, *shards: list[dict]) -> dict[str, str | None]:
    """The split of each row that is kept, by the name of the image and the caption."""
    unique = dedup(Config(), settings, images=artifact("images", settings, *shards)).artifact
    kept = {(row["url"].rsplit("/", 1)[-1], row["caption"]): row["split"] for row in rows(unique, "images")}
    assert unique.manifest().counts.rows_in == sum(map(len, shards)) == len(kept) + len(rows(unique, "rejects"))
    return kept


@pytest.mark.parametrize("stated", ["train", None])
@pytest.mark.parametrize("copy", [picture(1, (200, 200)), picture(1, (96, 96), "JPEG"), picture(1)])
def test_of_copies_the_held_out_one_is_kept_and_none_is_left_to_training(settings, stated, copy):
    """Also where the copy is larger or the very same file: else training would see a held-out picture."""
    larger = split_rows("large", copy, stated, "a dog", "one dog", side=200)
    held_out = split_rows("small", picture(1), "validation", "the dog")
    other = split_rows("cat", picture(2), stated, "a cat")
    kept = splits_kept(settings, larger, other, held_out)
    assert kept == {("small", "the dog"): "validation", ("cat", "a cat"): stated}


def test_all_captions_of_an_image_get_the_split_that_one_of_them_states(settings):
    """A page may say that a picture is held out, and another page that shows it may say nothing, or else."""
    first = split_rows("dog", picture(1), "train", "a dog") + split_rows("cat", picture(2), None, "a cat")
    second = split_rows("dog", picture(1), "validation", "one dog") + split_rows("cat", picture(2), "train", "one cat")
    third = split_rows("dog", picture(1), None, "the dog") + split_rows("owl", picture(3), None, "an owl")
    assert splits_kept(settings, first, second, third) == {
        **dict.fromkeys([("dog", "a dog"), ("dog", "one dog"), ("dog", "the dog")], "validation"),
        **dict.fromkeys([("cat", "a cat"), ("cat", "one cat")], "train"),
        ("owl", "an owl"): None,
    }


def test_another_picture_at_the_same_address_is_compared_like_any_other(settings):
    """A server may answer twice with different files; two of the same picture remain duplicates."""
    rows_in = captions_of("a", picture(1), "a dog") + captions_of("a", picture(2), "a cat")
    rows_in += captions_of("a", picture(1, image_format="JPEG"), "the dog")
    unique = dedup(Config(), settings, images=artifact("images", settings, rows_in)).artifact
    assert len(rows(unique, "images")) == 2
    assert [row["reason"] for row in rows(unique, "rejects")] == ["near_duplicate"]


def test_a_caption_that_an_image_has_already_and_more_than_the_config_allows_are_rejected(settings):
    rows_in = captions_of("a", picture(1), *(f"caption {number}" for number in range(6)))
    rows_in.append({**rows_in[0], "alt": "caption 0 | My site"})
    unique = dedup(Config(max_captions=4), settings, images=artifact("images", settings, rows_in)).artifact
    assert len({row["caption"] for row in rows(unique, "images")}) == len(rows(unique, "images")) == 4
    assert unique.manifest().counts.rejected == {"exact_duplicate": 1, "too_many_captions": 2}


def test_an_image_without_any_structure_has_a_hash_and_a_thumbnail():
    bits, thumbnail = hash_and_thumbnail(jpeg(Image.new("L", (64, 64), 255)))
    assert bits.shape == (HASH_BITS,)
    assert thumbnail.min() == 255


def test_the_same_picture_in_two_kinds_of_file_is_one_picture():
    """What is compared is what a browser shows: upright, in sRGB, on white."""
    upright, turned = pictures()["jpeg_orientation_6"], file(shown_image().transpose(Image.Transpose.ROTATE_270))
    for first, second in ((upright, turned), (pictures()["png_16_bit_rgb"], pictures()["bmp"])):
        (bits, thumbnail), (other_bits, other_thumbnail) = hash_and_thumbnail(first), hash_and_thumbnail(second)
        assert (bits != other_bits).sum() <= 2
        assert np.abs(thumbnail.astype(int) - other_thumbnail).max() <= 6


@pytest.mark.parametrize("code", ["1f34e", "1f550", "1f3e0", "1f697"])
def test_a_jpeg_has_nearly_the_hash_and_the_thumbnail_of_the_picture_in_full_size(code):
    """Of a JPEG fewer pixels are decoded; of a PNG all."""
    encoded, full = jpeg(emoji(code).resize((512, 512), Image.Resampling.BICUBIC)), io.BytesIO()
    Image.fromarray(decode(encoded)).save(full, "PNG")
    (bits, thumbnail), (full_bits, full_thumbnail) = hash_and_thumbnail(encoded), hash_and_thumbnail(full.getvalue())
    assert (bits != full_bits).sum() <= 4
    assert np.abs(thumbnail.astype(int) - full_thumbnail).max() <= 4


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("stops_at", ["find_duplicates", "drop"])
@pytest.mark.parametrize("lost", [None, "rows", "signatures", "hashes"])
def test_a_run_that_was_ended_goes_on_without_decoding_again_and_leaves_nothing_behind(
    settings, monkeypatch, stops_at, lost
):
    images = [{"url": f"https://example.com/{seed}", "image": picture(seed % 3)} for seed in range(6)]
    source = artifact("images", settings, images[:3], images[3:])
    undisturbed = dedup(Config(max_captions=7), settings, images=source).artifact
    handed_on = Path(dedup.artifact(Config(max_captions=8), settings, images=source).uri, "exchange")
    with monkeypatch.context() as patch:
        patch.setattr(f"tasks.dedup.stage.{stops_at}", stopped)
        with pytest.raises(KeyboardInterrupt):
            dedup(Config(max_captions=8), settings, images=source)
    assert handed_on.is_dir()
    if lost is not None:  # as when a run is ended while it removes what it handed on
        (handed_on / "2" / lost / "00001.bin").unlink()
    decoded: list[bytes] = []
    monkeypatch.setattr(
        "tasks.dedup.signatures.hash_and_thumbnail", lambda image: (decoded.append(image), hash_and_thumbnail(image))[1]
    )
    again = dedup(Config(max_captions=8), settings, images=source).artifact
    assert len(decoded) == (0 if lost is None else 3)
    assert rows(again, "images") == rows(undisturbed, "images")
    assert rows(again, "rejects") == rows(undisturbed, "rejects")
    assert not handed_on.exists()


def test_many_small_shards_are_hashed_together_and_what_becomes_of_their_rows_is_the_same(settings, monkeypatch):
    images = [{"url": f"https://example.com/{seed}", "image": picture(seed % 5)} for seed in range(12)]
    one_shard = dedup(Config(), settings, images=artifact("images", settings, images)).artifact
    monkeypatch.setattr("tasks.dedup.stage.LEAST_SIGNERS", 3)
    signed: list[int] = []

    def noted(exchanges, embed, signer):
        signed.append(len(signer[1]))
        sign(exchanges, embed, signer)

    monkeypatch.setattr("tasks.dedup.stage.sign", noted)
    many = dedup(Config(), settings, images=artifact("images", settings, *([image] for image in images))).artifact
    assert signed == [4, 4, 4]
    assert rows(many, "images") == rows(one_shard, "images")
    assert rows(many, "rejects") == rows(one_shard, "rejects")
