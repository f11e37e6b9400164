"""Pictures show what their scenes say: the right grounds, and things in the right places and sizes."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.compositions.grounds import COLOURS, ground
from tasks.compositions.pool import THINGS
from tasks.compositions.rendering import SIDE_PX, SLOTS, Renderer, encoded, layout, pictures
from tasks.compositions.scene import PATTERNS, Scene
from tasks.crawl.config import Config
from tasks.errors import SourceError

ARCHIVE = Config().archive_path


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """Draws a square and a bar, whose places and sizes are plain to see."""
    return Renderer({"square": Image.new("RGBA", (100, 100), "white"), "bar": Image.new("RGBA", (20, 100), "black")})


def boxes(picture: np.ndarray, colour: str, middle: str | None = None) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of what is not ground, in all or on both sides of the middle."""
    other = np.abs(picture.astype(int) - COLOURS[colour]).max(axis=2) > 8
    halves = [other]
    if middle is not None:
        rows, columns = np.indices(other.shape)
        first = (columns if middle == "left of" else rows) < SIDE_PX // 2
        halves = [other & first, other & ~first]
    found = []
    for half in halves:
        ys, xs = np.nonzero(half)
        found.append((int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1))
    return found


@pytest.mark.parametrize(("size", "slot"), [(None, "ordinary"), ("small", "small"), ("large", "large")])
def test_a_thing_is_in_the_middle_in_the_size_of_its_slot(renderer, size, slot):
    [(left, top, right, bottom)] = boxes(renderer.draw(Scene(("square",), size=size, colour="blue")), "blue")
    assert abs(right - left - SLOTS[slot][0].side * SIDE_PX) <= 1
    assert abs((left + right) / 2 - SIDE_PX / 2) <= 1
    assert abs((top + bottom) / 2 - SIDE_PX / 2) <= 1


def test_sizes_differ_clearly():
    small, ordinary, large = (SLOTS[name][0].side for name in ("small", "ordinary", "large"))
    assert small * 1.5 < ordinary
    assert ordinary * 1.3 < large


@pytest.mark.parametrize("relation", ["left of", "above"])
def test_the_first_of_two_things_is_on_the_side_that_the_relation_says(renderer, relation):
    picture = renderer.draw(Scene(("square", "bar"), relation, colour="blue"))
    square, bar = boxes(picture, "blue", relation)
    assert square[2] - square[0] > 2 * (bar[2] - bar[0])
    for (left, top, right, bottom), slot in zip((square, bar), SLOTS[relation], strict=True):
        assert abs((left + right) / 2 / SIDE_PX - slot.x) <= 0.01
        assert abs((top + bottom) / 2 / SIDE_PX - slot.y) <= 0.01


@pytest.mark.parametrize("count", [2, 3])
def test_copies_are_apart_and_as_many_as_the_count(renderer, count):
    from skimage.measure import label

    picture = renderer.draw(Scene(("square",), count=count, colour="blue"))
    assert label((picture != COLOURS["blue"]).any(axis=2)).max() == count


def test_every_slot_is_inside_the_picture_and_apart_from_the_others():
    for slots in SLOTS.values():
        for slot in slots:
            assert slot.side / 2 <= slot.x <= 1 - slot.side / 2
            assert slot.side / 2 <= slot.y <= 1 - slot.side / 2
        for one, other in combinations(slots, 2):
            assert max(abs(one.x - other.x), abs(one.y - other.y)) > one.side


def test_a_thing_looks_the_same_wherever_it_lies(renderer):
    """So that what is learned of it in one picture holds for the others."""
    left, right = Scene(("square", "bar"), "left of", colour="blue"), Scene(("bar", "square"), "left of", colour="blue")
    half = SIDE_PX // 2
    assert (renderer.draw(left)[:, :half] == renderer.draw(right)[:, half:]).all()


def test_what_cannot_be_drawn_is_an_error(renderer):
    with pytest.raises(ValueError, match="needs their relation"):
        renderer.draw(Scene(("square", "bar"), colour="blue"))
    with pytest.raises(ValueError, match="needs the colour of its ground"):
        renderer.draw(Scene(("square",)))
    with pytest.raises(KeyError, match="circle"):
        renderer.draw(Scene(("circle",), colour="blue"))


@pytest.mark.parametrize("colour", COLOURS)
def test_patterns_have_their_colour_and_white_in_them(colour):
    plain = ground(colour, "plain", SIDE_PX)
    assert (plain == COLOURS[colour]).all()
    for pattern in PATTERNS[1:]:
        picture = ground(colour, pattern, SIDE_PX)
        own = (picture == COLOURS[colour]).all(axis=2).mean()
        white = (picture > 200).all(axis=2).mean()
        assert own > 0.35
        assert white > 0.15


def test_colours_are_far_from_each_other_and_from_white():
    from skimage.color import rgb2lab

    tones = np.array([*COLOURS.values(), (255, 255, 255)]) / 255
    lab = rgb2lab(tones)
    for one, other in combinations(range(len(tones)), 2):
        assert np.linalg.norm(lab[one] - lab[other]) > 18, (one, other)


def test_patterns_of_one_colour_are_far_from_each_other():
    drawn = [ground("blue", pattern, SIDE_PX).astype(float) for pattern in PATTERNS]
    for one, other in combinations(drawn, 2):
        assert np.abs(one - other).mean() > 15


def test_no_two_things_of_the_pool_look_alike():
    draw = Renderer(pictures(ARCHIVE, THINGS)).draw
    drawn = [Image.fromarray(draw(Scene((name,), colour="grey"))) for name in THINGS]
    thumbnails = np.stack([np.asarray(picture.resize((16, 16)), np.float64) for picture in drawn])
    distances = np.sqrt(((thumbnails[:, None] - thumbnails[None]) ** 2).mean(axis=(2, 3, 4)))
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 12


def test_things_are_cut_out_without_empty_edges():
    for picture in pictures(ARCHIVE, ("red apple", "cat", "key")).values():
        visible = np.asarray(picture.getchannel("A")) > 8
        assert all(edge.any() for edge in (visible[0], visible[-1], visible[:, 0], visible[:, -1]))
    with pytest.raises(SourceError, match="holds no picture of 'no such thing'"):
        pictures(ARCHIVE, ("no such thing",))


def test_encoding_changes_nothing_that_is_seen(renderer, tmp_path: Path):
    picture = renderer.draw(Scene(("bar",), colour="red", pattern="checks"))
    (tmp_path / "a.jpg").write_bytes(encoded(picture))
    again = np.asarray(Image.open(tmp_path / "a.jpg"), np.float64)
    assert np.abs(again - picture).mean() < 2


def test_every_scene_has_its_layout():
    assert layout(Scene(("a",))) == "ordinary"
    assert layout(Scene(("a",), count=3)) == "three"
    assert layout(Scene(("a", "b"), "above")) == "above"
