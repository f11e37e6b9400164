"""What dedup dropped is counted in the split in which it would have been, by the real stages."""

import numpy as np
import pytest
from support.evidence import evidence
from support.tables import artifact
from support.web import picture

from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.engine.artifact import Artifact
from tasks.evaluate.leakage.leaks import Leaks, find_leaks
from tasks.evaluate.leakage.metric import Leakage, measure
from tasks.evaluate.leakage.shown import kept_out, stored_pictures
from tasks.evaluate.statistics import proportion_of_groups
from tasks.pack import BUCKETS, bucket, pack
from tasks.pack import Config as PackConfig
from tasks.takedown.stage import Config as TakedownConfig
from tasks.takedown.stage import match_takedowns
from tasks.takedown.takedowns import takedown_of

FRACTION = 0.3


def address(name: str, held_out: bool) -> str:
    """A URL that `pack` puts on the wanted side where nothing is stated."""
    wanted = (f"https://example.com/{name}-{number}.jpg" for number in range(1000))
    return next(url for url in wanted if (bucket(url) < FRACTION * BUCKETS) == held_out)


def row(name: str, image: bytes, held_out: bool, pixels: int = 80, split: str | None = None) -> dict:
    url = address(name, held_out)
    return {"url": url, "image": image, "caption": f"a {name} of four words", "width": pixels, "split": split}


def packed(settings, *rows: dict, taken_down: str = "", **config) -> Artifact:
    images = artifact("images", settings, list(rows))
    unique = dedup(DedupConfig(**config), settings, images=images).artifact
    left_out = {}
    if taken_down:
        named = TakedownConfig(takedowns=(takedown_of(taken_down),))
        left_out["takedowns"] = match_takedowns(named, settings, screened=images, unique=unique).artifact
    return pack(PackConfig(val_fraction=FRACTION), settings, images=unique, **left_out).artifact


def leaks(settings, *rows: dict, **config) -> Leaks:
    found = find_leaks(packed(settings, *rows, **config), (), settings)
    assert found is not None
    return found


def figures(found: Leaks) -> Leakage:
    measured = measure(evidence([], leaks=found))
    assert measured is not None
    return measured


def others(first: int = 50) -> list[dict]:
    """Two held-out pictures and four of training, all different."""
    return [row(f"other{n}", picture(first + n), held_out=n < 2) for n in range(6)]


@pytest.mark.parametrize("kept_held_out", [True, False])
def test_a_copy_on_the_other_side_would_have_leaked_whichever_of_the_two_was_kept(settings, kept_held_out):
    large = row("large", picture(1, (160, 160)), kept_held_out, pixels=160)
    found = leaks(settings, *others(), large, row("small", picture(1, image_format="JPEG"), not kept_held_out))
    before = figures(found).before
    assert (before.near_copy, before.same_file) == (1, 0)
    assert before.held_out.value == pytest.approx(1 / 3)
    assert figures(found).held_out.any.value == 0


def test_the_same_file_at_two_addresses_is_told_from_a_near_copy(settings):
    found = leaks(settings, *others(), row("a", picture(1), True), row("b", picture(1), False, pixels=70))
    assert (figures(found).before.same_file, figures(found).before.near_copy) == (1, 0)


@pytest.mark.parametrize("held_out", [True, False])
def test_copies_on_one_side_are_no_leak(settings, held_out):
    found = leaks(settings, *others(), *(row(f"copy{n}", picture(1), held_out) for n in range(3)))
    before = figures(found).before
    assert (before.held_out.value, before.same_file, before.near_copy) == (0, 0, 0)


def test_every_held_out_copy_of_a_training_picture_counts(settings):
    copies = [row("kept", picture(1), False, pixels=90), *(row(f"copy{n}", picture(1), True) for n in range(2))]
    assert figures(leaks(settings, *others(), *copies)).before.held_out.value == pytest.approx(2 / 4)


def test_a_stated_split_counts_before_the_address(settings):
    rows = [
        *(each | {"split": "validation" if n < 2 else "train"} for n, each in enumerate(others())),
        row("kept", picture(1), held_out=False, split="validation"),
        row("dropped", picture(1), held_out=True, split="train"),
    ]
    before = figures(leaks(settings, *rows)).before
    assert before.same_file == 1
    assert before.held_out.value == pytest.approx(1 / 3)


def test_further_captions_of_a_held_out_picture_do_not_make_it_two(settings):
    twice = row("twice", picture(1), True)
    rows = [twice, twice | {"caption": "another of four words"}, twice | {"alt": "the same again"}]
    before = figures(leaks(settings, *others(), *rows, row("copy", picture(1), False, pixels=70))).before
    assert before.held_out.value == pytest.approx(1 / 3)


def test_the_evaluation_set_is_looked_for_before_and_after(settings, tmp_path):
    place = tmp_path / "evaluation"
    place.mkdir()
    for number in range(4):
        (place / f"{number}.png").write_bytes(picture(number))
    rows = [row("copy", picture(1, image_format="JPEG"), False), row("held", picture(2, image_format="JPEG"), True)]
    pairs = packed(settings, *others(), *rows, row("plain", picture(0), False), evaluation_set=str(place))
    found = find_leaks(pairs, (), settings)
    measured = figures(found)
    assert measured.before.evaluation_set.value == pytest.approx(2 / 4)  # a held-out one is none of training
    assert measured.evaluation_set.any.value == 0
    assert [each.said for each in kept_out(found)] == ["0.png of the evaluation set", "1.png of the evaluation set"]
    assert stored_pictures(found, settings).num_rows == 4
    (place / "new.png").write_bytes(picture(9))
    changed = find_leaks(pairs, (), settings)
    assert figures(changed).evaluation_set is None
    assert "no longer as it was" in figures(changed).evaluation_set_note


def test_what_was_taken_down_is_neither_counted_nor_shown(settings):
    copy = row("copy", picture(1), False, pixels=70)
    rows = [*others(), row("kept", picture(1), True), copy, row("more", picture(1, image_format="JPEG"), False)]
    found = leaks(settings, *rows, taken_down=copy["url"])
    assert figures(found).before.held_out.value == 0
    assert kept_out(found) == []


def test_what_was_kept_out_is_shown_beside_its_copy(settings):
    found = leaks(settings, *others(), row("a", picture(1), True), row("b", picture(1), False, pixels=70))
    assert [each.said for each in kept_out(found)] == ["the same file"]
    names = stored_pictures(found, settings)["name"].to_pylist()
    assert names == ["dropped-00-judged", "dropped-00-copy"]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_the_interval_over_groups_of_copies_holds_the_share(share):
    """Most pictures have no copies and are groups of their own; the others leak together or not at all."""
    random, held = np.random.default_rng(0), 0
    for _ in range(600):
        sizes = random.choice([1, 1, 1, 1, 2, 4], size=120)
        held_in = [[bool(random.random() < share)] * int(size) for size in sizes]
        estimate = proportion_of_groups(held_in)
        held += estimate.low <= share <= estimate.high
    assert held / 600 >= 0.93
