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

from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.config import Config
from tasks.dedup.near_duplicates import HASH_BITS, hash_and_thumbnail, pairs_within
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


def test_an_image_that_is_similar_only_to_a_dropped_one_is_kept():
    """Otherwise a chain of small differences would drop images that are similar to none that is kept."""
    bits = np.zeros((3, HASH_BITS), bool)
    bits[1, :10] = True
    bits[2, :20] = True
    thumbnail = np.zeros((16, 16, 3), np.uint8)
    signatures = [Signature(f"{row}", 100, f"digest {row}", bits[row], thumbnail) for row in range(3)]
    assert set(find_duplicates(Config(max_hash_distance=10), signatures)) == {1}


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 24), st.integers(0, 40))
def test_the_search_finds_exactly_the_pairs_a_comparison_of_all_would(seed, distance, count):
    random_bits = np.random.default_rng(seed)
    centres = random_bits.integers(0, 2, (4, HASH_BITS), dtype=np.int8)
    flips = random_bits.random((count, HASH_BITS)) < random_bits.random((count, 1)) * 0.1
    hashes = (centres[random_bits.integers(0, 4, count)] ^ flips).astype(bool)
    differing = (hashes[:, None] != hashes[None]).sum(axis=2)
    expected = np.argwhere(np.triu(differing <= distance, k=1))
    assert pairs_within(hashes, distance).tolist() == expected.tolist()


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


def test_no_images_are_no_duplicates():
    assert find_duplicates(Config(), []) == {}
