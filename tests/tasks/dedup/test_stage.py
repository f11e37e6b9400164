"""Equal and nearly equal images are dropped; different ones are not, however similar."""

import io
import random
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from support.shown_pictures import file, pictures
from support.shown_pictures import image as shown_image
from support.tables import artifact, reasons, rows
from support.web import picture

from models.training.images import decode
from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.banded_search import COMPARED_AT_ONCE
from tasks.dedup.config import Config
from tasks.dedup.near_duplicates import HASH_BITS, hash_and_thumbnail, kept_alike
from tasks.dedup.stage import Signature, dedup, find_duplicates


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


def signature(number: int, bits, colour: int = 0, **given) -> Signature:
    """Of an image of its own address and bytes, with a thumbnail of one grey value."""
    plain = {"url": f"https://example.com/{number}", "caption": f"caption {number}", "digest": f"digest {number}"}
    thumbnail = np.full((16, 16, 3), colour, np.uint8)
    return Signature(**{**plain, **given}, pair_id=f"{number:016x}", pixels=100, hash_bits=bits, thumbnail=thumbnail)


def test_an_image_that_is_similar_only_to_a_dropped_one_is_kept():
    """Otherwise a chain of small differences would drop images that are similar to none that is kept."""
    bits = np.zeros((3, HASH_BITS), bool)
    bits[1, :10] = True
    bits[2, :20] = True
    duplicates, _ = find_duplicates(Config(max_hash_distance=10), [signature(row, bits[row]) for row in range(3)])
    assert set(duplicates) == {1}


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 24), st.integers(0, 40), st.integers(0, 10))
def test_the_search_keeps_exactly_the_images_a_comparison_with_all_kept_ones_would(seed, distance, count, known):
    random_bits = np.random.default_rng(seed)
    centres = random_bits.integers(0, 2, (4, HASH_BITS), dtype=np.int8)
    flips = random_bits.random((count, HASH_BITS)) < random_bits.random((count, 1)) * 0.1
    hashes = (centres[random_bits.integers(0, 4, count)] ^ flips).astype(bool)
    colours = random_bits.integers(0, 3, count)
    thumbnails = np.broadcast_to((40 * colours).astype(np.uint8)[:, None, None, None], (count, 16, 16, 3))
    expected: list[int] = []
    for row in range(count):
        alike = ((hashes[:row] != hashes[row]).sum(axis=1) <= distance) & (colours[:row] == colours[row])
        kept = (other for other in range(row) if alike[other] and expected[other] == other)
        expected.append(row if row < known else next(kept, row))
    with pytest.MonkeyPatch.context() as patch:  # so that there are several pieces of work
        patch.setattr("tasks.dedup.banded_search.COMPARED_AT_ONCE", 10)
        assert kept_alike(hashes, thumbnails, distance, 39, always_kept=known)[0].tolist() == expected


def some_copies(copies: int, others: int) -> list[Signature]:
    """One picture in so many compressions, among as many others as named."""
    random_bits = np.random.default_rng(1)
    hashes = random_bits.random((copies + others, HASH_BITS)) < 0.4
    hashes[:copies] = hashes[0]
    for row in range(copies):
        hashes[row, random_bits.integers(0, HASH_BITS, 3)] ^= True
    return [signature(row, hashes[row]) for row in range(copies + others)]


@pytest.mark.parametrize("others", [0, 300])
def test_comparisons_grow_with_the_copies_of_a_picture_and_not_with_their_square(others):
    """After one piece of work the copies are compared with the kept one alone, each as often as it has bands."""
    for copies in (500, 1000, 2000):
        duplicates, comparisons = find_duplicates(Config(), some_copies(copies, others))
        assert len(duplicates) == copies - 1
        assert comparisons <= COMPARED_AT_ONCE + 13 * copies + 300 * 300 * 0.02  # others share a band now and then


def test_smooth_pictures_are_not_all_compared_with_each_other():
    """Their high frequencies are all alike, so that bands of these alone would make every two candidates."""
    random_bits = np.random.default_rng(2)
    hashes = np.zeros((400, HASH_BITS), bool)
    hashes[:, :120] = random_bits.random((400, 120)) < 0.5
    _, comparisons = find_duplicates(Config(), [signature(row, bits) for row, bits in enumerate(hashes)])
    assert comparisons < 0.2 * 400 * 399 / 2


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


def test_no_images_are_no_duplicates():
    assert find_duplicates(Config(), []) == ({}, 0)
