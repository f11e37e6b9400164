"""The style sheet's colours can be told apart by people with weak eyes: WCAG 2.2, success criteria 1.4.3 and 1.4.11."""

import re
from importlib.resources import files

import pytest

SCHEMES = re.findall(r":root \{(.*?)\}", files("tasks.report").joinpath("page.css").read_text(), re.DOTALL)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(params=SCHEMES, ids=["light", "dark"])
def colours(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#\w{6})", request.param))


@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "a"])
@pytest.mark.parametrize("ground", ["paper", "card", "wash"])
def test_text_stands_out_from_every_ground(colours: dict[str, str], text: str, ground: str) -> None:
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("mark", ["a", "b", "c", "d", "r0", "r1", "r2", "r3", "r4", "r5"])
def test_lines_and_bars_stand_out_from_the_page(colours: dict[str, str], mark: str) -> None:
    assert min(contrast(colours[mark], colours[ground]) for ground in ("paper", "card", "wash")) >= 3
