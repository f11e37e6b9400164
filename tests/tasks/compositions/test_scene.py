"""What a scene may hold, and how an asked scene is compared with a shown one."""

import pytest

from tasks.compositions.scene import Scene

APPLE = Scene(("apple",), colour="blue", pattern="plain")
PAIR = Scene(("cat", "dog"), "left of", colour="red", pattern="plain")


@pytest.mark.parametrize(
    "fields",
    [
        {"things": ()}, {"things": ("a", "b", "c")}, {"things": ("a", "a")}, {"things": ("a",), "count": 4},
        {"things": ("a",), "count": 0}, {"things": ("a", "b"), "count": 2}, {"things": ("a", "b"), "size": "small"},
        {"things": ("a",), "relation": "above"},
    ],
)  # fmt: skip
def test_a_scene_that_is_never_drawn_is_refused(fields):
    with pytest.raises(ValueError, match=r"thing|copies"):
        Scene(**fields)


@pytest.mark.parametrize(
    ("asked", "skills"),
    [
        (Scene(("apple",)), ("thing",)),
        (APPLE, ("thing", "colour", "pattern")),
        (Scene(("apple",), count=2, colour="blue"), ("thing", "count", "colour")),
        (Scene(("apple",), size="small"), ("thing", "size")),
        (PAIR, ("two things", "relation", "colour", "pattern")),
        (Scene(("cat", "dog")), ("two things",)),
    ],
)
def test_a_caption_tests_the_skills_that_it_says(asked, skills):
    assert asked.skills == skills


def test_only_what_is_said_is_compared():
    assert Scene(("apple",)).agrees(APPLE)
    assert Scene(("apple",), colour="blue").agrees(Scene(("apple",), size="large", colour="blue", pattern="dots"))
    assert APPLE.compared(Scene(("apple",), colour="red", pattern="dots")) == {
        "thing": True, "colour": False, "pattern": False
    }  # fmt: skip


def test_one_thing_is_not_two_of_it_unless_a_count_is_asked_for():
    two = Scene(("apple",), count=2)
    assert Scene(("apple",)).compared(two) == {"thing": False}
    assert two.compared(Scene(("apple",))) == {"thing": True, "count": False}
    assert two.compared(PAIR) == {"thing": False, "count": False}


def test_two_things_are_right_in_any_order_and_their_relation_in_one():
    swapped = Scene(("dog", "cat"), "left of", colour="red", pattern="plain")
    stacked = Scene(("cat", "dog"), "above", colour="red", pattern="plain")
    assert Scene(("dog", "cat")).agrees(PAIR)
    for shown in (swapped, stacked):
        assert PAIR.compared(shown) == {"two things": True, "relation": False, "colour": True, "pattern": True}
    assert not PAIR.compared(Scene(("cat",)))["relation"]
