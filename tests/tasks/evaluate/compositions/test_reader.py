"""The judge reads what pictures show that it was not fitted to, and says so where nothing is clear."""

import cv2
import numpy as np
import pytest
from support.compositions import shown_in, small_corpus, small_judge

from tasks.compositions.grounds import ground
from tasks.compositions.scene import PATTERNS, Scene
from tasks.evaluate.compositions.places import places
from tasks.evaluate.compositions.reader import UNCLEAR, labels_of


@pytest.fixture(scope="module")
def held_out():
    corpus = small_corpus()
    return [
        each for each in corpus.compositions if each.split != "train" and not {*each.scene.things} & {*corpus.unseen}
    ]


def right(scenes: list[Scene], read: list[Scene]) -> float:
    return float(np.mean([scene.agrees(shown) for scene, shown in zip(scenes, read, strict=True)]))


@pytest.mark.parametrize("side", [64, 96, 160])
def test_held_out_pictures_of_any_size_are_read_whole(held_out, side: int) -> None:
    pictures = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in shown_in(held_out)]
    assert right([each.scene for each in held_out], small_judge().read(pictures)) >= 0.95


def test_pictures_as_a_tokenizer_leaves_them_are_still_read(held_out) -> None:
    noise = np.random.default_rng(0).normal(0, 6, (len(held_out), 96, 96, 3))
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in shown_in(held_out)])
    pictures = (blurred + noise).clip(0, 255).astype(np.uint8)
    assert right([each.scene for each in held_out], small_judge().read(pictures)) >= 0.9


def test_another_picture_is_not_what_was_asked_for(held_out) -> None:
    read = small_judge().read(shown_in(held_out))
    others = [not one.scene.agrees(two.scene) for one, two in zip(held_out, [*held_out[1:], held_out[0]], strict=True)]
    called = [one.scene.agrees(shown) for one, shown in zip(held_out, [*read[1:], read[0]], strict=True)]
    assert sum(others) > 20
    assert not any(is_other and is_called for is_other, is_called in zip(others, called, strict=True))


def test_blobs_and_noise_show_nothing_that_is_known(held_out) -> None:
    blobs = [cv2.GaussianBlur(picture, (0, 0), 12) for picture in shown_in(held_out)]
    noise = [*np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), np.uint8)]
    read = small_judge().read(blobs + noise)
    assert np.mean([shown.things == (UNCLEAR,) for shown in read]) >= 0.95


def test_an_empty_ground_is_read_and_shows_no_thing() -> None:
    named = [(colour, pattern) for colour in small_corpus().colours for pattern in PATTERNS]
    read = small_judge().read([ground(colour, pattern, 96) for colour, pattern in named])
    assert [(shown.colour, shown.pattern) for shown in read] == named
    assert {shown.things for shown in read} == {(UNCLEAR,)}


def test_a_ground_that_fits_none_is_unclear() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    assert small_judge().read([noise]) == [Scene((UNCLEAR,))]


def test_no_pictures_give_no_readings() -> None:
    assert small_judge().read([]) == []


def test_slots_that_nearly_coincide_are_one_place() -> None:
    of = places().of
    assert of["left of"] == of["two"]
    assert of["above"][0] == of["three"][0]
    assert len({number for numbers in of.values() for number in numbers}) == len(places().boxes) == 9


def test_each_place_is_labelled_with_its_thing_or_with_nothing() -> None:
    labels = labels_of(Scene(("dog", "cat"), "above", colour="blue"), {"cat": 0, "dog": 1})
    top, bottom = places().of["above"]
    assert (labels[top], labels[bottom]) == (1, 0)
    assert sorted(labels) == [0, 1] + [2] * 7
