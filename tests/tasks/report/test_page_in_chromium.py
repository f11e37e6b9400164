"""The page as a browser lays it out, on a desk and on a phone, light and dark, and on paper."""

from collections.abc import Iterator

import pytest
from support.browser import CHROMIUM, WITHOUT, Page, chromium

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)]

OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true })"
# Of the whole page, and of boxes within it that would scroll sideways on their own.
TOO_WIDE = """[...document.querySelectorAll('html, html *')].filter(each =>
    each.scrollWidth > each.clientWidth + 1 && (each === document.documentElement ||
    ['auto', 'scroll'].includes(getComputedStyle(each).overflowX))).map(each => each.outerHTML.slice(0, 120))"""
# Text that stands out too little from what is behind it (WCAG 2.2, 1.4.3); text on pictures is not looked at.
FAINT = """(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number)
  const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  const light = colour => {
    const [red, green, blue] = parts(colour).slice(0, 3).map(c => linear(c / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const ground = each => {
    for (let at = each; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor
      if ((parts(colour)[3] ?? 1) > 0.99) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const faint = []
  for (const each of document.querySelectorAll('body *')) {
    if (each.closest('.codes') || ![...each.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue
    const ink = each instanceof SVGElement ? getComputedStyle(each).fill : getComputedStyle(each).color
    if (each.tagName === 'title' || ink === 'none') continue
    const [low, high] = [light(ink), light(ground(each))].sort((a, b) => a - b)
    if ((high + 0.05) / (low + 0.05) < 4.5) faint.push(each.outerHTML.slice(0, 120))
  }
  return faint
})()"""
SHOWN = "document.querySelector('#figures-hits .plots').checkVisibility({contentVisibilityAuto: true})"


@pytest.fixture(scope="module")
def browser(whole: tuple[str, dict], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "index.html").write_text(whole[0])
    with chromium(folder / "profile") as page:
        page.look(1280, 900)
        page.open((folder / "index.html").as_uri())
        yield page


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_scrolls_sideways_folded_or_open(browser: Page, width: int) -> None:
    browser.look(width, 900, phone=width < 600)
    assert browser.evaluate(TOO_WIDE) == []
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate(TOO_WIDE) == []
    browser.evaluate(OPEN_ALL.replace("true", "false"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground_in_plots_too(browser: Page, dark: bool) -> None:
    browser.look(1280, 900, dark=dark)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(19, 20, 23)" if dark else "rgb(251, 250, 247)"
    )
    assert browser.evaluate(FAINT) == []
    browser.evaluate(OPEN_ALL.replace("true", "false"))


def test_long_parts_are_folded_on_a_phone_and_open_on_a_desk_and_on_paper(browser: Page) -> None:
    browser.look(1280, 900)
    assert browser.evaluate(SHOWN) is True
    browser.look(390, 900, phone=True)
    assert browser.evaluate(SHOWN) is False
    assert browser.evaluate("document.documentElement.scrollHeight") < 16_000
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.until(SHOWN)
    browser.call("Emulation.setEmulatedMedia", media="")


def test_a_fold_opens_by_the_keyboard(browser: Page) -> None:
    browser.look(390, 900, phone=True)
    browser.evaluate("document.querySelector('#figures-hits .fold > summary').focus()")
    browser.key("Enter")
    assert browser.evaluate(SHOWN) is True


def test_the_browser_asks_for_the_page_alone(browser: Page) -> None:
    assert [address[:40] for address in browser.requests if not address.startswith(("data:", "file:"))] == []
    assert browser.errors == []


def test_it_prints(browser: Page) -> None:
    assert len(browser.call("Page.printToPDF", printBackground=False)["data"]) > 50_000


def test_a_command_is_chosen_whole_by_one_click(browser: Page) -> None:
    browser.look(1280, 900)
    browser.click("#figures-hits .command code")
    assert browser.evaluate("getSelection().toString()") == "dalle report evaluation.hits --recipe smoke"
