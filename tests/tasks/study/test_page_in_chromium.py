"""The page as a rater uses it, in headless Chromium: from the first click to the CSV file, which is then counted."""

import csv
import time
from pathlib import Path

import pytest
from support.browser import CHROMIUM, WITHOUT, Page, chromium
from support.study import side_folder

from tasks.study.answers import read_answers
from tasks.study.page import write_study
from tasks.study.pairs import StudyKey, draw_pairs
from tasks.study.sides import read_side

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)]

PLACE = "document.getElementById('place').textContent"
CAPTION = "document.getElementById('caption').textContent"
CHOSEN = "Array.from(document.querySelectorAll('#answer input:checked'), each => each.value).join()"
LOADED = "['left', 'right'].every(side => document.getElementById(side).naturalWidth > 0)"
WIDE = "document.documentElement.scrollWidth"
NEXT_IS_OFF = "document.getElementById('next').disabled"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, StudyKey]:
    """The folder of a study, and its key."""
    prompts = ["a red apple", 'a "long" name, ' + "which goes on " * 12, "a cat <b>here</b>", "四つの月"]
    sides = [read_side(side_folder(tmp_path / name, level, prompts)) for name, level in (("ours", 20), ("theirs", 200))]
    key = draw_pairs(*sides, seed=3)
    write_study(key, *sides, tmp_path / "out", side_px=64)
    return tmp_path / "out", key


def address(out: Path) -> str:
    return (out / "for-raters" / "index.html").as_uri()


def saved(downloads: Path) -> Path:
    """The one file that was downloaded, when it is complete."""
    deadline = time.monotonic() + 60
    while not (found := list(downloads.glob("*.csv"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [file] = found
    return file


def begin(page: Page, out: Path, rater: str) -> None:
    page.open(address(out))
    page.click("#rater")
    page.write(rater)
    page.click("#begin button")
    page.until(LOADED)


def test_a_rater_goes_from_the_first_click_to_a_file_that_counts(made: tuple[Path, StudyKey], tmp_path: Path) -> None:
    out, key = made
    with chromium(tmp_path / "profile", tmp_path / "saved") as page:
        begin(page, out, '  Zoë, "the  first" ')
        for pair in key.pairs:
            assert page.evaluate(PLACE) == f"Pair {pair.number} of 4"
            assert page.evaluate(CAPTION) == pair.prompt.strip()
            assert page.evaluate(NEXT_IS_OFF)
            page.click(f"input[name=realism][value={'left' if pair.left == 'a' else 'right'}]")
            assert page.evaluate(NEXT_IS_OFF)
            page.click("input[name=caption][value=neither]")
            page.click("#next")
        assert page.evaluate("document.activeElement.textContent") == "Thank you, that was the last pair"
        page.click("#save")
        file = saved(tmp_path / "saved")
        assert page.errors == []
        assert {asked.split(":")[0] for asked in page.requests} <= {"file", "data", "blob", "about"}
    [rater] = (answers := read_answers([file], key)).raters
    assert (rater.rater, rater.pairs, answers.left_out) == ('Zoë, "the first"', 4, ())
    [said] = answers.by_rater.values()
    assert [pair.chosen(said[pair.number].realism or "") for pair in key.pairs] == ["a"] * 4
    assert {said[pair.number].caption for pair in key.pairs} == {"neither"}


def test_keys_alone_do_and_going_back_changes_an_answer(made: tuple[Path, StudyKey], tmp_path: Path) -> None:
    out, _ = made
    with chromium(tmp_path / "profile") as page:
        page.open(address(out))
        page.write("ann")
        page.key("Enter")
        page.key("Enter")  # goes nowhere without answers
        assert page.evaluate(PLACE) == "Pair 1 of 4"
        for keys in ("13", "24", "25", "15"):
            for each in keys:
                page.key(each)
            page.key("Enter")
        assert "4 of 4 pairs are answered" in page.evaluate("document.getElementById('told').textContent")
        page.click("#again")
        page.key("Backspace")
        assert page.evaluate(CHOSEN) == "right,right"
        page.key("1")
        assert page.evaluate(CHOSEN) == "left,right"
        rows = list(csv.DictReader(page.evaluate("csv()").splitlines()))
        assert page.errors == []
    assert [(row["pair"], row["realism"], row["caption"]) for row in rows] == [
        ("1", "left", "left"),
        ("2", "right", "neither"),
        ("3", "left", "right"),
        ("4", "left", "right"),
    ]


def test_a_rater_goes_on_after_the_browser_was_closed_and_another_begins_anew(
    made: tuple[Path, StudyKey], tmp_path: Path
) -> None:
    out, key = made
    with chromium(tmp_path / "profile", tmp_path / "saved") as page:
        begin(page, out, "Ann")
        for each in ("1", "3", "Enter", "2"):
            page.key(each)
        session = page.evaluate("state.session")
        time.sleep(1)  # Chromium writes what a page keeps a moment later, and may reload it in another process
        page.call("Page.reload")
        page.until(f"document.readyState === 'complete' && {PLACE} === 'Pair 2 of 4' && {CHOSEN} === 'right'")
        time.sleep(1)
    with chromium(tmp_path / "profile", tmp_path / "saved") as page:
        page.open(address(out))
        assert (page.evaluate(PLACE), page.evaluate(CHOSEN)) == ("Pair 2 of 4", "right")
        page.click("#other")
        page.write("Bob")
        page.key("Enter")
        assert (page.evaluate(PLACE), page.evaluate(CHOSEN)) == ("Pair 1 of 4", "")
        page.click("#other")
        page.write("ann")
        page.key("Enter")
        assert (page.evaluate(PLACE), page.evaluate("state.session")) == ("Pair 2 of 4", session)
        page.click("#early")
        assert "1 of 4 pairs are answered" in page.evaluate("document.getElementById('told').textContent")
        page.click("#save")
        answers = read_answers([saved(tmp_path / "saved")], key)
    [said] = answers.by_rater.values()
    assert {pair: (row.realism, row.caption) for pair, row in said.items()} == {1: ("left", "left"), 2: ("right", None)}


def tapped(page: Page) -> None:
    page.tap("input[name=realism][value=left]")
    page.tap("input[name=caption][value=right]")
    page.tap("#next")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_has_room_for_it_and_fingers_do(made: tuple[Path, StudyKey], tmp_path: Path, dark: bool) -> None:
    out, key = made
    with chromium(tmp_path / "profile") as page:
        page.look(390, 844, dark=dark, phone=True)
        page.open(address(out))
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, background[4:-1].split(","))) < 60) == dark
        page.write("ann")
        page.tap("#begin button")
        for _ in key.pairs:
            page.until(LOADED)
            assert page.evaluate(WIDE) == 390
            low = "document.querySelector('input[name=realism]').getBoundingClientRect().bottom"
            assert page.evaluate(low) < 844  # pictures and the first question are seen at once
            tapped(page)
        assert page.evaluate("document.getElementById('end').hidden") is False
        assert page.evaluate(WIDE) == 390


def names(page: Page) -> list[tuple[str, str]]:
    """Role and name of everything that a person looks at or works with, as a screen reader is told."""
    roles = ("button", "radio", "image", "textbox", "progressbar", "group", "heading")
    nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    return [each for each in told if each[0] in roles]


def test_everything_has_a_name_that_does_not_tell_the_side(made: tuple[Path, StudyKey], tmp_path: Path) -> None:
    out, key = made
    with chromium(tmp_path / "profile") as page:
        page.open(address(out))
        assert ("textbox", "Your name, or the code you were given") in names(page)
        page.write("ann")
        page.key("Enter")
        page.until(LOADED)
        found = names(page)
        focused = page.evaluate("document.activeElement.id")
        inside = page.evaluate("document.documentElement.outerHTML")
    assert [name for role, name in found if role == "image"] == ["Left picture", "Right picture"]
    assert [name for role, name in found if role == "radio"] == ["Left", "Right", "Left", "Neither", "Right"]
    assert [name for role, name in found if role == "heading"] == [key.pairs[0].prompt.strip()]
    assert "Which picture is more realistic?" in [name for role, name in found if role == "group"]
    assert [role for role, name in found if not name] == []
    assert focused == "caption"
    assert "ours" not in inside
    assert "theirs" not in inside


def test_a_picture_that_is_missing_is_told(made: tuple[Path, StudyKey], tmp_path: Path) -> None:
    out, _ = made
    (out / "for-raters" / "pictures" / "0001-left.png").unlink()
    with chromium(tmp_path / "profile") as page:
        page.open(address(out))
        page.write("ann")
        page.key("Enter")
        page.until("!document.getElementById('broken').hidden")
