"""The page stands alone, and can be read aloud, by the keyboard, in the dark and on a phone."""

import re
from itertools import pairwise

import pytest
from lxml import html as parser
from lxml.html import HtmlElement
from support.finished_run import accounted, evaluated, finished_run
from support.report_page import BESIDE, assert_readable, written

from tasks.report.config import Config
from tasks.report.stage import report
from tasks.settings import Settings

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def page(whole: tuple[str, dict]) -> HtmlElement:
    return parser.document_fromstring(whole[0])


def name_of(element: HtmlElement) -> str:
    """What a screen reader calls an element."""
    labelled = element.get("aria-labelledby")
    if labelled:
        return element.getroottree().getroot().get_element_by_id(labelled).text_content().strip()
    title = element.findtext("title") if element.tag == "svg" else element.get("title")
    return (element.get("aria-label") or element.get("alt") or title or "").strip()


def test_no_attribute_and_no_rule_asks_for_anything_outside(whole: tuple[str, dict], page: HtmlElement) -> None:
    assert_readable(whole[0])
    links = [address for _, _, address, _ in page.iterlinks()]
    assert len(links) > 40
    rules = re.findall(r"url\(\s*['\"]?([^)'\"]*)|@import\s+([^;]+)", "".join(page.xpath("//style//text() | //@style")))
    assert rules
    asked = [*links, *(first or second for first, second in rules)]
    asked_outside = {address for address in asked if not address.startswith(("data:image/", "data:,", "#"))}
    assert asked_outside == BESIDE  # links to files beside the page, which a reader may follow
    assert not page.xpath("//script | //link[not(@rel='icon')] | //iframe | //object | //base | //meta[@http-equiv]")


def test_every_link_within_the_page_leads_somewhere_and_no_id_is_twice(page: HtmlElement) -> None:
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    targets = {address[1:] for _, attribute, address, _ in page.iterlinks() if address.startswith("#")}
    assert targets <= set(ids)
    assert {"draws", "new", "trust", "figures-hits"} <= targets


def test_headings_go_down_one_level_at_a_time(page: HtmlElement) -> None:
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3 | //h4 | //h5")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []
    assert all(heading.text_content().strip() for heading in page.xpath("//h1 | //h2 | //h3 | //h4 | //h5"))


def test_the_three_questions_come_first_and_in_order(page: HtmlElement) -> None:
    headings = [heading.text_content() for heading in page.xpath("//main/section/h2")]
    questions = ["Does it draw what I ask?", "Is it new?", "Can I trust the number?"]
    assert headings == [*questions, "Data", "Training", "Time and cost", "Lineage"]
    assert [heading.text_content() for heading in page.xpath("//header//h2")] == questions
    first = page.xpath("//section[@id='draws']//*[self::div[@class='wall'] or self::div[@class='plots']]")[0]
    assert first.get("class") == "wall"


def test_the_page_has_its_landmarks_and_a_way_past_the_first_of_them(page: HtmlElement) -> None:
    assert [len(page.xpath(f"//{tag}")) for tag in ("header", "main")] == [1, 1]
    names = [name_of(nav) for nav in page.xpath("//nav")]
    assert all(names)
    assert len(names) == len(set(names))
    assert page.xpath("//body/*")[0].get("href") == f"#{page.xpath('//main')[0].get('id')}"
    assert page.get("lang") == "en"


def test_every_picture_has_a_name_and_says_what_it_shows(page: HtmlElement) -> None:
    pictures = page.xpath("//img | //svg | //*[@role='img']")
    assert len(pictures) > 150
    assert [parser.tostring(picture)[:200] for picture in pictures if not name_of(picture)] == []


def test_colour_is_never_the_only_sign(page: HtmlElement) -> None:
    """A verdict has its own sign, and a bar its number."""
    marks = page.xpath("//*[@class='hit' or @class='miss']")
    assert {mark.get("class"): mark.text for mark in marks} in ({"hit": "✓", "miss": "✗"}, {"hit": "✓"})
    assert all(bar.xpath("../td[@class='n']") for bar in page.xpath("//td[contains(@class, 'bar')]"))


def test_tables_name_their_columns_or_rows(page: HtmlElement) -> None:
    tables = page.xpath("//table")
    assert tables
    assert all(table.xpath(".//th") or table.get("class") == "numbers" for table in tables)


def test_everything_that_can_be_opened_says_what_it_holds(page: HtmlElement) -> None:
    assert all(details[0].tag == "summary" and details[0].text_content().strip() for details in page.xpath("//details"))
    assert ":focus-visible" in "".join(page.xpath("//style/text()"))
    assert page.xpath("//*[@tabindex or @onclick]") == []


def test_a_command_stands_beside_each_part_each_training_and_the_data(page: HtmlElement) -> None:
    lines = page.xpath("//p[@class='command']/code/text()")
    for path in ("evaluation.hits", "evaluation.memorisation", "evaluation.codes", "curves.train_prior", "funnel"):
        assert f"dalle report {path} --recipe smoke" in lines
    assert "dalle generate" in " ".join(lines)


@pytest.mark.slow
def test_the_page_of_a_run_of_the_demos_size_is_small(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("large")
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    run = finished_run(settings, train=400, val=64, train_prompts=64, candidates=8, drawn_px=96)
    html, figures = written(report(Config(), settings, evaluate=evaluated(run), funnel=accounted(run)).artifact)
    assert figures["evaluation"]["samples"] > 1000
    assert 1_000_000 < len(html.encode()) <= MOST_BYTES
