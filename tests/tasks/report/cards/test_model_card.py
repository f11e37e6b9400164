"""The model card is one that the hub reads, says what was measured and nothing else, and names what was not."""

import json
import re
from dataclasses import replace
from functools import reduce
from pathlib import Path

import jsonschema
import pytest
import yaml
from huggingface_hub import ModelCard
from markdown import markdown
from support.evidence import evidence, judged
from support.finished_run import FinishedRun
from support.report_page import Page

from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact, Counts, FileRecord, Manifest, RunRecord
from tasks.evaluate import figures
from tasks.evaluate.figures import Evaluation, headline
from tasks.evaluate.quantities import Estimate
from tasks.funnel.figures import Distributions, Funnel, LicenceRows
from tasks.report.cards.estimates import measured_parts, not_measured
from tasks.report.cards.markdown import plain
from tasks.report.cards.model_card import model_card
from tasks.report.config import Config, EnergyConfig
from tasks.report.facts import Finished, RunFacts, gather
from tasks.report.provenance import Provenance

SCHEMA = json.loads((Path(__file__).parents[3] / "support" / "model_card_schema.json").read_text())
# Of Mitchell et al. 2019, figure 1.
SECTIONS = (
    "Model details", "Intended use", "Out of scope", "Factors", "Metrics", "Evaluation data", "Training data",
    "Quantitative analyses", "Energy and cost", "Limits", "Ethical considerations", "How to use", "Made from",
)  # fmt: skip


def finished(root: Path, stage: str, **config) -> Finished:
    """A stage that took an hour of a core, and wrote nothing."""
    record = RunRecord(
        started="2026-01-01", seconds=1800, peak_memory_mb=512, host="here", versions={}, cpu_seconds=3600
    )
    known = {"version": 1, "fingerprint": "0" * 16, "inputs": {}, "outputs": (), "counts": Counts(), "metrics": {}}
    manifest = Manifest(stage=stage, config=config, run=record, **known)
    artifact = Artifact(root=str(root), stage=stage, fingerprint="0" * 16)
    storage.write_json(artifact.file(MANIFEST), manifest.model_dump(mode="json"))
    return Finished(artifact, manifest)


def of_licence(licence: str | None, kept: int) -> LicenceRows:
    return LicenceRows(source="a_site", kind="site", licence=licence, found=kept + 1, kept=kept)


def account(*licences: LicenceRows) -> Funnel:
    nothing = dict.fromkeys(("steps", "hosts", "domains", "duplicates"), ())
    return Funnel(**nothing, licences=licences, languages={}, distributions=Distributions(), missed=0)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> RunFacts:
    """Of four stages and eight prompts, half of them held out."""
    root = tmp_path_factory.mktemp("runs")
    rows = [row for prompt in range(4) for row in judged(prompt, [True, False])]
    rows += [row for prompt in range(4, 8) for row in judged(prompt, [prompt > 5, False], group="val")]
    found = evidence(rows)
    shape = {"layers": 4, "taps": [1, 2], "seed": None}
    stages = [
        finished(root, "screen_captions"),
        finished(root, "pack"),
        finished(root, "train_prior", model=shape, training={"steps": 10, "batch_size": 8}),
        finished(root, "evaluate"),
    ]
    return RunFacts(
        {done.artifact.stage: done for done in stages},
        figures.measure(evidence(rows, val=found.train)),
        funnel=account(of_licence("MIT", 8), of_licence(None, 2)),
        origin=Provenance("0123456789", "dalle run --recipe smoke"),
    )


@pytest.fixture(scope="module")
def card(facts: RunFacts) -> str:
    return model_card(facts, Config())


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0]


def metadata(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def estimates(model: object) -> list[Estimate]:
    """Every estimate in a model, however deep."""
    if isinstance(model, Estimate):
        return [model]
    inner = model.values() if isinstance(model, dict) else vars(model).values() if hasattr(model, "__dict__") else ()
    return [found for each in inner for found in estimates(each)]


def test_the_sections_are_those_of_the_paper_on_model_cards_in_its_order(card: str) -> None:
    assert tuple(re.findall(r"^## (.*)$", card, re.MULTILINE)) == SECTIONS
    assert not re.search(r"\b(nan|NaN|inf|None|Undefined)\b", card.replace("None.", ""))


def test_the_hubs_library_reads_its_metadata_and_they_are_what_its_schema_says(card: str, facts: RunFacts) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(metadata(card))
    data = ModelCard(card).data
    assert (data.pipeline_tag, data.library_name, data.language) == ("text-to-image", "dalle-pipeline", "en")
    assert facts.evaluation is not None
    wanted = headline(facts.evaluation)
    assert {each.metric_type: each.metric_value for each in data.eval_results} == pytest.approx(wanted, rel=1e-5)
    assert data.license is None  # nobody has stated one
    assert yaml.safe_load(data.to_yaml()) == metadata(card)


@pytest.mark.parametrize("damage", [{"pipeline_tag": "text"}, {"co2_eq_emissions": {"emissions": -1}}, {"surprise": 1}])
def test_the_schema_refuses_what_the_hub_would(card: str, damage: dict) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(metadata(card) | damage)


def test_every_estimate_stands_with_its_interval_and_number_under_a_command_that_prints_it(
    facts: RunFacts, card: str
) -> None:
    parts = measured_parts(facts.evaluation)
    rows = [row for part in parts for row in part.rows]
    assert len(rows) > 10
    assert sorted(map(str, estimates(facts.evaluation))) == sorted(str(row.estimate) for row in rows)
    in_json = facts.figures().model_dump(mode="json")
    for row in rows:
        figure = reduce(lambda value, name: value[name], row.path.split("."), in_json)
        assert Estimate.model_validate(figure) == row.estimate
    analyses = section(card, "Quantitative analyses")
    assert len(re.findall(r"^\| .*\d.* \| [\d,]+ \|$", analyses, re.MULTILINE)) == len(rows)
    for part in parts:
        assert not part.rows or f"`dalle report {part.path} --recipe smoke`" in analyses


def test_a_metric_that_could_tell_nothing_is_named_as_not_measured(facts: RunFacts, card: str) -> None:
    assert facts.evaluation is not None
    assert facts.evaluation.compositions is None
    assert re.search(r"^Not measured: .*Compositions.*\.$", card, re.MULTILINE)
    everything = not_measured(None)
    assert len(everything) == len(Evaluation.model_fields) - 3  # the counts are no metrics
    bare = model_card(replace(facts, evaluation=None), Config())
    assert f"Not measured: {'; '.join(everything)}." in bare
    assert "The models were not evaluated when this card was written." in bare
    assert "model-index" not in metadata(bare)


def test_energy_is_said_to_be_an_estimate_with_what_it_was_counted_with(facts: RunFacts, card: str) -> None:
    said = section(card, "Energy and cost")
    for words in (
        "kWh | estimated",
        "g CO2e | estimated",
        "measured, 4 of 4 stages",
        "12 W a core",
        "no price given",
    ):
        assert words in said, said
    emissions = metadata(card)["co2_eq_emissions"]
    assert (emissions["hardware_used"], emissions["training_type"]) == ("CPU", "pre-training")
    assert "geographical_location" not in emissions
    assert emissions["emissions"] == pytest.approx(4 * 0.012 * 475, rel=0.01)
    given = EnergyConfig(price_per_hour=3, currency="EUR", location="Iceland", carbon_g_per_kwh=0)
    priced = model_card(facts, Config(energy=given))
    emissions = metadata(priced)["co2_eq_emissions"]
    assert (emissions["emissions"], emissions["geographical_location"]) == (0.0, "Iceland")
    assert "| money | 6 EUR | by the price given |" in priced


def test_what_older_manifests_lack_is_not_measured(facts: RunFacts) -> None:
    def older(done: Finished) -> Finished:
        run = done.manifest.run.model_copy(update={"cpu_seconds": None})
        return replace(done, manifest=done.manifest.model_copy(update={"run": run}))

    stages = {name: older(done) for name, done in facts.stages.items()}
    card = model_card(replace(facts, stages=stages), Config())
    assert "Energy, emissions and money: not measured." in card
    assert "co2_eq_emissions" not in metadata(card)


def test_the_models_stand_with_their_shape_and_training(card: str) -> None:
    address = "`train_prior/0000000000000000`"
    assert f"- Train prior, {address}: `layers 4, taps 1 2`; trained with steps 10, batches of 8\n" in card


def test_sources_stand_with_their_licences_and_cannot_break_the_card(facts: RunFacts, card: str) -> None:
    assert "- 8 captioned pictures of a\\_site (MIT)\n- 2 captioned pictures of a\\_site (licence not stated)\n" in card
    evil = "<script>alert(1)</script>\n## Free | of *all* [licences](http://x)"
    broken = model_card(replace(facts, funnel=account(of_licence(evil, 8))), Config())
    page = Page(markdown(broken, extensions=["tables"]))
    assert "script" not in page.tags
    assert "http://x" not in page.addresses
    assert tuple(re.findall(r"^## (.*)$", broken, re.MULTILINE)) == SECTIONS


def test_text_of_others_is_one_plain_line() -> None:
    assert plain("a\n# b | c") == r"a \# b \| c"


def test_sources_that_the_account_does_not_list_are_counted_together(facts: RunFacts) -> None:
    packed = FileRecord(path="train-00000.parquet", bytes=1, sha256="", rows=15)
    pack = facts.stages["pack"]
    more = replace(pack, manifest=pack.manifest.model_copy(update={"outputs": (packed,)}))
    card = model_card(replace(facts, stages={**facts.stages, "pack": more}), Config())
    assert "- 5 captioned pictures of others (licences not listed)" in card


@pytest.mark.parametrize("last", ["crawl", "pack", "train_dvae", "rerank"])
def test_a_run_that_stopped_early_has_a_card_too(run: FinishedRun, last: str) -> None:
    card = model_card(gather([run.artifacts[last]]), Config())
    assert tuple(re.findall(r"^## (.*)$", card, re.MULTILINE)) == SECTIONS
    assert ModelCard(card).data.pipeline_tag == "text-to-image"
