"""Captions say what is shown, and are read as they were meant."""

from collections import defaultdict
from itertools import permutations, product

import pytest

from tasks.compositions.grounds import COLOURS
from tasks.compositions.pool import THINGS
from tasks.compositions.scene import PATTERNS, Scene
from tasks.compositions.wording import captions, plural, read, things_in, with_article, wordings
from tasks.screen_captions.language import other_language

NAMES = ("red apple", "cat", "ice cream cone", "slice of pizza", "fox", "octopus", "teddy bear", "bear", "strawberry")
GROUNDS = [("blue", pattern) for pattern in PATTERNS] + [("orange", "plain")]
PAIRS = list(permutations(("red apple", "fox", "teddy bear", "bear"), 2))


def scenes():
    """Every kind of scene, of things whose names are hard to tell apart."""
    for colour, pattern in GROUNDS:
        for name in NAMES:
            yield from (Scene((name,), None, count, None, colour, pattern) for count in (1, 2, 3))
            yield from (Scene((name,), None, 1, size, colour, pattern) for size in ("small", "large"))
        for pair, relation in product(PAIRS, ("left of", "above")):
            yield Scene(pair, relation, colour=colour, pattern=pattern)


def test_no_wording_contradicts_its_scene():
    for scene in scenes():
        said = {caption: read(caption, NAMES) for caption in captions(scene)}
        assert len(said) >= 8
        for caption, asked in said.items():
            assert asked is not None, caption
            assert asked.agrees(scene), (caption, asked, scene)
            assert asked.skills, caption


def test_a_caption_is_read_as_it_was_meant():
    for scene in scenes():
        for caption, meant in wordings(scene).items():
            found = read(caption, NAMES)
            assert (found.count, found.size, found.relation) == (meant.count, meant.size, meant.relation)
            assert (found.colour, found.pattern) == (meant.colour, meant.pattern)
            assert found.things == meant.things if meant.relation else set(found.things) == set(meant.things)


def test_scenes_that_share_a_caption_agree_on_all_that_it_says():
    sharing = defaultdict(list)
    for scene in scenes():
        for caption in captions(scene):
            sharing[caption].append(scene)
    shared = {caption: shown for caption, shown in sharing.items() if len(shown) > 1}
    assert {"a bear and a fox", "a red apple", "two foxes"} <= shared.keys()
    for caption, shown in shared.items():
        asked = read(caption, NAMES)
        assert all(asked.agrees(scene) for scene in shown), caption


def test_every_scene_can_be_said_whole_and_in_short():
    for scene in scenes():
        said = [read(caption, NAMES) for caption in captions(scene)]
        assert any(asked.colour == scene.colour and asked.pattern == scene.pattern for asked in said)
        assert any(asked.relation == scene.relation and asked.colour is None for asked in said)


@pytest.mark.parametrize(
    ("caption", "scene"),
    [
        ("a red apple", Scene(("red apple",))),
        ("  A Red\n APPLE on a  BLUE background.", Scene(("red apple",), colour="blue")),
        ("two foxes in front of blue stripes", Scene(("fox",), count=2, colour="blue", pattern="stripes")),
        ("a fox to the right of a cat", Scene(("cat", "fox"), "left of")),
        ("a fox under a cat on pink", Scene(("cat", "fox"), "above", colour="pink")),
        ("a tiny slice of pizza", Scene(("slice of pizza",), size="small")),
        ("a fox and a cat", Scene(("cat", "fox"))),
        ("a teddy bear", Scene(("teddy bear",))),
    ],
)
def test_captions_as_people_type_them_are_read(caption, scene):
    assert read(caption, NAMES) == scene


@pytest.mark.parametrize(
    "caption", ["", "apple", "a purple dragon", "a fox and a fox", "four foxes", "a fox on a mauve background", "a cat "
                "and a fox and a bear", "foxes on blue", "a red apple on a blue background with red dots"]
)  # fmt: skip
def test_what_no_template_says_is_not_read(caption):
    assert read(caption, NAMES) is None


def test_the_names_of_things_are_found_in_captions():
    said = [caption for scene in scenes() for caption in captions(scene)]
    noise = ["a cat and nothing else", "a 3D emoji of grapes", "the sun on a blue background", "", "a menu in blue"]
    assert things_in(said + noise) == tuple(sorted(NAMES))
    assert things_in(f"  {caption.upper()}. " for caption in said) == tuple(sorted(NAMES))


def test_names_of_the_pool_are_told_apart():
    things = [Scene((name,), count=count) for name in THINGS for count in (1, 2)]
    assert [read(captions(scene)[0], THINGS) for scene in things] == things
    assert len({plural(name) for name in THINGS}) == len(THINGS)


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("cat", "cats"), ("fox", "foxes"), ("strawberry", "strawberries"), ("monkey", "monkeys"), ("bus", "buses"),
        ("slice of pizza", "slices of pizza"), ("ice cream cone", "ice cream cones"), ("eggplant", "eggplants"),
    ],
)  # fmt: skip
def test_plurals_are_regular(name, many):
    assert plural(name) == many


@pytest.mark.parametrize("name", ["an owl", "an orange", "a unicorn", "a cat", "an umbrella", "an ice cream cone"])
def test_names_get_their_article(name):
    assert with_article(name.partition(" ")[2]) == name


def test_captions_of_the_pool_are_english():
    said = {f"{with_article(name)} on {colour}" for name in THINGS for colour in COLOURS}
    said |= {f"two {plural(name)}" for name in THINGS}
    assert [caption for caption in said if other_language(caption, 0.7)] == []
