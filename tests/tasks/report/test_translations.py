"""Given pictures on the page: the picture, uncurated drawings below its upper part, and the best."""

import pyarrow as pa
import pytest
from support.finished_run import finished_run
from support.report_page import assert_readable, written

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.report.config import Config
from tasks.report.stage import report
from tasks.settings import Settings


@pytest.fixture
def translations(settings: Settings) -> Artifact:
    """Of two pictures, one of them the user's; two cases, four candidates."""
    run = finished_run(settings, train=8, val=4, train_prompts=2, candidates=1)

    def shard(number: int) -> Shard:
        pair = run.val[number]
        pair_id = pair["pair_id"] if number == 0 else None
        own = {"picture": number, "caption": pair["caption"], "pair_id": pair_id, "image": pair["image"]}
        drawn = [
            {
                "prompt_id": 2 * number + case,
                "prompt": f"case {case} of {pair['caption']}",
                "group": "image",
                "pair_id": pair_id,
                "index": index,
                "seed": 0,
                "codes": None,
                "image": run.train[index]["image"],
                "score": float(index),
                "rank": 3 - index,
                "picture": number,
                "keep_rows": 0.5,
                "unread": "the end" if case else "",
            }
            for case in range(2)
            for index in range(4)
        ]
        tables = {
            "given": pa.Table.from_pylist([own], schema=schemas.GIVEN),
            "translations": pa.Table.from_pylist(drawn, schema=schemas.TRANSLATIONS),
        }
        return Shard(9, tables)

    return run.finish("translate", lambda output: output.map(shard, [0, 1]), "pack", "train_prior", "train_clip")


def test_each_case_stands_with_the_picture_two_uncurated_drawings_and_the_best(
    settings: Settings, translations: Artifact
) -> None:
    html, figures = written(report(Config(), settings, translations=translations).artifact)
    page = assert_readable(html)
    given = [row["caption"] for uri in translations.files("given") for row in schemas.read_table(uri).to_pylist()]
    for caption in given:
        for case in range(2):
            prompt = f"case {case} of {caption}"
            labels = {f"{prompt}, first", f"{prompt}, second", f"{prompt}, best of 4"}
            assert labels <= set(page.images)
        assert caption in page.images
    assert f"{given[0]} (held out)" in page.text
    assert f"{given[1]} (held out)" not in page.text
    assert page.text.count("does not read the end: “the end”") == 2
    assert html.count("--kept:50.00%") == 2 * 2 * 3
    assert "translate" in figures["stages"]


def test_without_given_pictures_the_page_says_nothing_of_them(settings: Settings) -> None:
    run = finished_run(settings, train=8, val=4, train_prompts=2, candidates=1)
    html, _ = written(report(Config(), settings, rerank=run.artifacts["rerank"]).artifact)
    assert 'id="translations"' not in html
