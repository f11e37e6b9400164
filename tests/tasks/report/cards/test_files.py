"""The report writes its cards beside the page: those of the data agree with the account of it and with Croissant."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import mlcroissant
import pytest
from huggingface_hub import DatasetCard
from support.finished_run import FinishedRun, finished_run
from support.packed import packed_pairs
from support.report_page import Page

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.export.card import data_card
from tasks.export.facts import DataFacts
from tasks.funnel.config import Config as FunnelConfig
from tasks.funnel.stage import funnel
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.report.cards.files import CROISSANT, DATA_CARD, MODEL_CARD
from tasks.report.config import Config
from tasks.report.funnel import Source
from tasks.report.stage import report
from tasks.settings import Settings
from tasks.takedown.stage import Config as TakedownConfig
from tasks.takedown.stage import match_takedowns
from tasks.takedown.takedowns import Takedown

SCHEMA = json.loads((Path(__file__).parents[3] / "support" / "croissant_schema.json").read_text())


def read(made: Artifact, name: str) -> str:
    return storage.read_bytes(made.file(name)).decode()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The report of thirty pairs that the real stages gathered, 24 of them for training."""
    place = tmp_path_factory.mktemp("packed")
    settings = Settings(root=str(place / "runs"), work_dir=str(place / "work"), dask_workers=0)
    pairs = packed_pairs(settings, place)
    account = funnel(FunnelConfig(), settings, pairs=pairs).artifact
    return report(Config(), settings, pairs=pairs, funnel=account).artifact


def test_the_page_links_the_cards_that_lie_beside_it(run: FinishedRun, whole: tuple[str, dict]) -> None:
    links = [address for address in Page(whole[0]).addresses if not address.startswith(("#", "data:"))]
    assert links == [MODEL_CARD, DATA_CARD, CROISSANT]
    ends = {name: run.artifacts[name] for name in ("evaluate", "funnel")}
    made = report(Config(), run.settings, **ends).artifact
    assert all(read(made, name) for name in links)
    alone = report(Config(), run.settings, crawl=run.artifacts["crawl"]).artifact
    names = {record.path for record in alone.manifest().outputs}
    assert MODEL_CARD in names
    assert DATA_CARD not in names


def test_the_page_has_a_section_on_energy_and_its_figures_stand_in_the_json(whole: tuple[str, dict]) -> None:
    html, figures = whole
    text = " ".join(Page(html).text.split())
    assert '<a href="#figures-energy">Energy and cost</a>' in html
    assert "Energy, kWh" in text
    assert figures["energy"]["core_hours"] == pytest.approx(
        sum(stage["run"]["cpu_seconds"] for stage in figures["stages"].values()) / 3600
    )


def test_mlcroissant_validates_the_description_of_the_pairs_where_they_lie(packed: Artifact) -> None:
    """It reads the pictures of an exported set alone: of files above the description it finds none."""
    described = mlcroissant.Dataset(jsonld=packed.file(CROISSANT)).metadata
    assert described.ctx.issues.errors == set()
    assert [set_.id for set_ in described.record_sets] == ["splits", "pairs"]
    [splits] = [each for each in json.loads(read(packed, CROISSANT))["recordSet"] if each["@id"] == "splits"]
    assert {row["splits/name"]: row["splits/pairs"] for row in splits["data"]} == {"train": 24, "val": 6}
    for file in described.file_objects:
        assert storage.sha256_of_file(str(Path(packed.uri, file.content_url))) == file.sha256


def test_the_description_is_what_the_schema_says(packed: Artifact, run: FinishedRun, whole: tuple[str, dict]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    described = json.loads(read(packed, CROISSANT))
    validator.validate(described)
    for damage in ({"name": ""}, {"conformsTo": ["1.0"]}, {"distribution": [{"@type": "cr:FileObject"}] * 2}):
        assert not validator.is_valid(described | damage)


def test_the_data_card_says_where_the_pairs_come_from_and_what_was_left_out(packed: Artifact) -> None:
    card = read(packed, DATA_CARD)
    data = DatasetCard(card).data
    assert (sorted(data.license), data.language, data.size_categories) == (["cc-by-4.0", "mit"], ["en"], ["n<1K"])
    for said in (
        "30 pictures with captions (24 for train, 6 for val)",
        "webdataset (webdataset; MIT): 20 pairs",
        "webdataset (webdataset; CC BY 4.0): 10 pairs",
        "screen_captions: 31 rows in, 30 out; rejected: too_short 1",
        "opted_out: 0 rows.",
        "Taken down on request, and left out when the pairs were packed: 0 pairs.",
        "## Motivation",
        "## Maintenance",
    ):
        assert said in card, said
    described = json.loads(read(packed, CROISSANT))
    assert described["license"] == ["MIT", "CC BY 4.0"]
    assert "opted_out: 0 rows." in described["rai:dataSocialImpact"]


def test_the_account_of_the_run_stands_in_the_data_card_step_by_step(run: FinishedRun, whole: tuple[str, dict]) -> None:
    ends = {name: run.artifacts[name] for name in ("evaluate", "funnel")}
    card = read(report(Config(), run.settings, **ends).artifact, DATA_CARD)
    for step in whole[1]["funnel"]["steps"]:
        kept = f"- {step['stage']}: {step['rows_in']} rows in, {step['rows_kept']} out"
        assert kept in card
        assert all(f"{each['reason']} {each['rows']}" in card for each in step["refused"])


def test_what_was_taken_down_and_what_opted_out_are_counted(settings: Settings) -> None:
    run = finished_run(settings, train=12, val=0, train_prompts=2, candidates=1)
    unique, screened = run.artifacts["dedup"], run.artifacts["screen_images"]
    config = TakedownConfig(takedowns=(Takedown(kind="url", value=run.train[0]["url"]),))
    takedowns = match_takedowns(config, settings, screened=screened, unique=unique).artifact
    pairs = pack(PackConfig(), settings, images=unique, takedowns=takedowns).artifact
    card = read(report(Config(), settings, pairs=pairs).artifact, DATA_CARD)
    assert "left out when the pairs were packed: 1 pairs." in card
    assert run.train[0]["url"] not in card


def test_what_a_source_states_cannot_break_the_data_card() -> None:
    nothing = {"shards": (), "kinds": {}, "steps": (), "collected": None, "pages_disallowed": None, "image_side": None}
    known = {"name": "set", "form": None, "creator": "", "made_from": "pack/0", "code": None} | nothing
    evil = Source("a site", "<script>alert(1)</script>\n## Free", 1)
    card = data_card(DataFacts(sources=(evil,), published=datetime(2026, 1, 1, tzinfo=UTC), **known))
    assert "## Free" not in re.findall("^## .*$", card, re.MULTILINE)
    assert "<script>" not in card
