"""Which images are kept for training."""

import random

import pytest
from support.mutations import mutated
from support.shown_pictures import pictures
from support.tables import artifact, reasons, rows
from support.web import picture

from tasks.screen_images.config import Config
from tasks.screen_images.stage import screen_images


def screened(settings, sizes: list[tuple[int, int]], config: Config):
    rows_in = [
        {
            "url": f"https://example.com/{width}x{height}",
            "width": width,
            "height": height,
            "image": picture(1, (20, 20)),
        }
        for width, height in sizes
    ]
    return screen_images(config, settings, images=artifact("images", settings, rows_in)).artifact


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((64, 64), None), ((63, 64), "too_small"), ((64, 63), "too_small"), ((128, 64), None), ((64, 128), None),
        ((129, 64), "aspect_ratio"), ((64, 129), "aspect_ratio"), ((10, 400), "too_small"), ((1, 1), "too_small"),
    ],
)  # fmt: skip
def test_size_and_shape_decide(settings, size, reason):
    images = screened(settings, [size], Config(min_side_px=64, max_aspect_ratio=2))
    assert reasons(images) == ({f"{size[0]}x{size[1]}": reason} if reason else {})


def test_by_default_images_below_the_papers_crop_are_rejects(settings):
    images = screened(settings, [(255, 300), (256, 256)], Config())
    assert reasons(images) == {"255x300": "too_small"}


def test_a_reject_keeps_its_image_and_names_its_size(settings):
    images = screened(settings, [(300, 40), (300, 260)], Config())
    (reject,) = rows(images, "rejects")
    assert (reject["detail"], reject["image"]) == ("300x40", picture(1, (20, 20)))
    assert len(rows(images, "images")) == 1


def test_whatever_a_decoder_raises_is_a_reject(settings):
    """Of 300 damaged files, some are pictures still; of the others Pillow raises half a dozen kinds of error."""
    chance, files = random.Random(2), list(pictures().values())
    rows_in = [
        {
            "url": f"https://example.com/{number}",
            "image": mutated(chance.choice(files), chance),
            "width": 300,
            "height": 300,
        }
        for number in range(300)
    ]
    counts = screen_images(Config(), settings, images=artifact("images", settings, rows_in)).artifact.manifest().counts
    assert counts.rows_out + counts.rejected["undecodable"] == 300
    assert min(counts.rows_out, counts.rejected["undecodable"]) > 30


def test_bytes_that_cannot_be_decoded_are_refused(settings):
    broken = [{"url": "https://example.com/broken", "image": picture()[:200]}]
    images = screen_images(Config(), settings, images=artifact("images", settings, broken)).artifact
    assert reasons(images) == {"broken": "undecodable"}


def test_the_rules_that_came_later_change_nothing_while_they_are_off():
    """So what was screened before them is reused."""
    assert Config().fingerprinted() == {"min_side_px": 256, "max_aspect_ratio": 2.0}
    assert Config().outside_state() == ""
    assert screen_images.version == 1
