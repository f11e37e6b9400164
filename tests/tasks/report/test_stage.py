"""The page stands alone, says what the artifacts say, and does without whatever is missing."""

import json
import re

import pytest
from support.finished_run import FinishedRun, accounted, draw_samples, evaluated, finished_run, table
from support.report_page import Page, assert_readable, written

from tasks import schemas
from tasks.engine import storage
from tasks.engine.code import commit
from tasks.engine.output import Shard
from tasks.funnel.config import Config as FunnelConfig
from tasks.funnel.stage import funnel
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.report.config import Config, Targets
from tasks.report.facts import gather
from tasks.report.stage import report
from tasks.takedown.stage import Config as TakedownConfig
from tasks.takedown.stage import match_takedowns
from tasks.takedown.takedowns import Takedown


@pytest.mark.parametrize("riddle", ["no sample can have", "alphabet"])
def test_captions_are_plain_statements(whole, riddle):
    assert riddle not in Page(whole[0]).text


def test_the_json_holds_every_figure_of_the_page(run, whole):
    html, figures = whole
    assert list(figures["stages"]) == sorted(run.artifacts.keys())
    assert figures["evaluation"] == storage.read_json(run.artifacts["evaluate"].file("metrics.json"))
    assert figures["stages"]["dedup"]["counts"]["rejected"] == {"near_duplicate": 4}
    assert figures["funnel"] == storage.read_json(run.artifacts["funnel"].file("funnel.json"))
    assert figures["stages"]["pack"]["run"]["seconds"] <= figures["seconds"]
    assert {step["step"] for step in figures["curves"]["train_dvae"]} >= {0, 1980}
    psnr = figures["evaluation"]["reconstruction"]["psnr_db"]["value"]
    assert f"{psnr:.1f} dB" in html


def test_refused_rows_are_shown_with_their_reason(whole):
    text = Page(whole[0]).text
    for words in ("not english", "ein roter Apfel", "de 0.98", "http 404", "aspect ratio", "near duplicate"):
        assert words in text
    assert "There is nothing at the address: status 404 or 410." in text


def test_a_caption_refused_for_its_length_does_not_fill_the_page(whole):
    assert 5 < Page(whole[0]).text.count("cheap gift") < 20


def test_each_fixed_prompt_stands_beside_its_samples(whole):
    images = Page(whole[0]).images
    for prompt in ("a red apple", "a cat face"):
        assert {f"{prompt}, first drawn", f"{prompt}, best by score", f"{prompt}, worst by score"} <= set(images)


def test_of_many_samples_of_a_prompt_the_best_unfold(run):
    html, _ = written(report(Config(candidates_shown=3), run.settings, evaluate=run.artifacts["evaluate"]).artifact)
    page = Page(html)
    assert "best 3 of 4" in page.text
    assert "all 4" not in page.text
    ranks = {int(alt.rsplit(" ", 1)[1]) for alt in page.images if ", rank " in alt}
    assert ranks == {1, 2, 3}


def test_targets_are_said_to_be_met_or_missed(run):
    config = Config(targets=Targets(psnr_db=60, memory_gb=1000))
    html, _ = written(report(config, run.settings, evaluate=run.artifacts["evaluate"]).artifact)
    text = re.sub(r"\s+", " ", Page(html).text)
    assert "✗ target ≥ 60 dB" in text
    assert "✓ target ≤ 1000 GB" in text


def test_all_artifacts_by_name_give_the_same_figures_as_the_last_alone(run, whole):
    _, figures = written(report(Config(), run.settings, **run.artifacts).artifact)
    assert figures == whole[1]


@pytest.mark.parametrize("last", ["crawl", "dedup", "pack", "train_dvae", "train_prior", "sample", "rerank"])
def test_a_run_that_stopped_early_still_has_a_page(run, last):
    html, figures = written(report(Config(), run.settings, last=run.artifacts[last]).artifact)
    assert_readable(html)
    assert last in figures["stages"]


def test_no_held_out_pairs_no_rejects_and_no_curves_leave_gaps_not_errors(settings):
    run = finished_run(settings, val=0, rejects=False)
    run.finish("train_clip", lambda output: output.write("metrics.jsonl", b""), "pack")
    run.finish("rerank", _copy_scores(run), "sample", "train_clip")
    html, _ = written(report(Config(), settings, evaluate=evaluated(run), funnel=accounted(run)).artifact)
    text = assert_readable(html).text
    assert "captions never seen" not in text.lower()
    assert "Kept and refused" not in text
    assert 'id="train_clip-' not in html


@pytest.mark.parametrize("tokenizer", ["train_vqgan", None])
def test_any_image_tokenizer_and_none_at_all_have_a_page(settings, tokenizer):
    run = finished_run(settings, tokenizer=tokenizer)
    html, figures = written(report(Config(), settings, evaluate=evaluated(run)).artifact)
    text = assert_readable(html).text
    assert "dVAE" not in text
    assert ("Image tokens" in text) == ("Codes in use" in text) == (tokenizer is not None)
    assert "Right picture" in text
    assert ("Train VQGAN" if tokenizer else "Train diffusion") in text
    assert (tokenizer or "train_diffusion") in figures["curves"]


def _copy_scores(run: FinishedRun):
    scores = schemas.read_table(run.artifacts["rerank"].files("scores")[0])
    return lambda output: output.map(lambda item: item, [Shard(scores.num_rows, {"scores": scores})])


def test_values_that_are_no_numbers_are_left_out(settings):
    run = finished_run(settings)
    lines = b'{"step": 0, "loss": NaN}\n{"step": 20, "loss": 2.5}\n'
    run.finish("train_clip", lambda output: output.write("metrics.jsonl", lines), "pack")
    html, figures = written(
        report(Config(), settings, clip=run.artifacts["train_clip"], rerank=run.artifacts["rerank"]).artifact
    )
    assert_readable(html)
    assert figures["curves"]["train_clip"] == [{"step": 0}, {"step": 20, "loss": 2.5}]


def test_captions_cannot_break_the_page(settings):
    run = finished_run(settings)
    evil = '<script>alert("x")</script> & "quoted"'
    for pair in run.train:
        pair["caption"] = evil
    draw_samples(run, 8, 4, lambda prompt, rank: True)
    html, _ = written(report(Config(), settings, rerank=run.artifacts["rerank"]).artifact)
    assert "script" not in Page(html).tags
    assert evil in Page(html).text


def test_an_image_that_cannot_be_read_leaves_an_empty_frame(settings):
    run = finished_run(settings)
    run.train[0]["image"] = b"no image"
    shard = Shard(24, {"train": table(run.train, schemas.PAIRS)})
    pack = run.finish("pack", lambda output: output.map(lambda item: item, [shard]))
    html, _ = written(report(Config(), settings, pack=pack).artifact)
    assert 'class="pic none"' in html


def test_of_two_artifacts_of_a_stage_the_one_nearer_to_the_end_counts(run):
    facts = gather([run.artifacts["pack"], run.artifacts["evaluate"]])
    assert list(facts.stages)[:2] == ["crawl", "screen_captions"]
    assert facts.stages["pack"].artifact == run.artifacts["pack"]


def test_report_json_is_strict(run, whole):
    json.loads(json.dumps(whole[1]), parse_constant=lambda constant: pytest.fail(constant))


def test_the_top_says_when_from_which_commit_and_by_which_command(run):
    settings = run.settings.model_copy(update={"command": "dalle run --recipe <smoke>"})
    html, figures = written(report(Config(title="Dated"), settings, evaluate=run.artifacts["evaluate"]).artifact)
    text = re.sub(r"\s+", " ", Page(html.split("<main", 1)[0]).text)
    assert f"Finished {figures['finished'][:10]}" in text
    assert "Started by dalle run --recipe <smoke>" in text
    assert figures["command"] == "dalle run --recipe <smoke>"
    assert figures["commit"] == commit(10)


def test_the_commit_of_a_folder_without_a_repository_is_unknown(tmp_path):
    assert commit(10, tmp_path) is None
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    assert commit(10, tmp_path / "broken") is None


def test_a_duplicate_stands_beside_the_picture_that_was_kept_with_their_distance(settings):
    run = finished_run(settings)
    kept, copy = run.train[0], {**run.train[1], "pair_id": "f" * 16}
    _refuse_in_dedup(run, {**copy, "reason": "near_duplicate", "detail": f"same as {kept['pair_id']}"})
    html, figures = written(report(Config(), settings, funnel=accounted(run)).artifact)
    page = Page(html)
    assert page.images.count("the picture that was kept") == 1
    assert kept["pair_id"] not in page.text
    [pair] = figures["funnel"]["duplicates"]
    assert pair["kept_pair_id"] == kept["pair_id"]
    assert f"{pair['hash_bits']} bits, {pair['grey_levels']} levels" in page.text


def _refuse_in_dedup(run: FinishedRun, reject: dict) -> None:
    rejects = table([{name: reject.get(name) for name in schemas.REJECTS.names}], schemas.REJECTS)
    kept = table(run.train, schemas.IMAGES)
    run.finish("dedup", lambda output: output.map(lambda item: item, [Shard(len(kept) + 1, {"images": kept}, rejects)]))
    packed = Shard(len(kept), {"train": table(run.train, schemas.PAIRS)})
    run.finish("pack", lambda output: output.map(lambda item: item, [packed]), "dedup")


def test_nothing_of_the_web_breaks_the_account_of_the_data(settings):
    """Captions, addresses, details and licences are what strangers wrote."""
    run = finished_run(settings)
    evil = '"><script>alert(1)</script>'
    for pair in run.train:
        pair |= {"caption": evil, "licence": evil, "source": evil, "url": f"http://{evil}/a.jpg"}
    _refuse_in_dedup(run, {**run.train[0], "reason": "exact_duplicate", "detail": evil})
    html, _ = written(report(Config(), settings, funnel=accounted(run)).artifact)
    page = assert_readable(html)
    assert "script" not in page.tags
    assert page.text.count(evil) > 5


def test_the_account_of_the_data_adds_up_stage_by_stage(whole):
    html, figures = whole
    text = re.sub(r"\s+", " ", Page(html).text)
    for step in figures["funnel"]["steps"]:
        refused = sum(each["rows"] for each in step["refused"])
        assert step["rows_in"] == step["rows_kept"] + refused
        assert f"{step['rows_in']} in = {step['rows_kept']} kept + {refused} refused" in text


def test_what_was_taken_down_is_counted_and_not_shown(settings):
    """Its copies among the rejects of earlier stages, which are not made again, neither."""
    run = finished_run(settings)
    gone, *others = [row for row in run.train if row["caption"] != run.train[0]["caption"]][:3]
    copies = [
        {**pair, "pair_id": f"copy{n:012x}", "caption": f"a copy of {pair['caption']}", "reason": "near_duplicate"}
        | {"detail": f"same as {pair['pair_id']}", "url": f"https://copies.example/{n}.png"}
        for n, pair in enumerate([gone, *others])
    ]
    rejects = table([{name: row.get(name) for name in schemas.REJECTS.names} for row in copies], schemas.REJECTS)
    shard = Shard(len(copies) + 30, {"images": table([*run.train, *run.val], schemas.IMAGES)}, rejects)
    run.finish("dedup", lambda output: output.map(lambda item: item, [shard]), "screen_images")
    config = TakedownConfig(takedowns=(Takedown(kind="url", value=gone["url"]),))
    unique = run.artifacts["dedup"]
    takedowns = match_takedowns(config, settings, screened=run.artifacts["screen_images"], unique=unique).artifact
    packed = pack(PackConfig(), settings, images=unique, takedowns=takedowns).artifact
    account = funnel(FunnelConfig(examples=8), settings, pairs=packed).artifact
    html, figures = written(report(Config(rejects_shown=8), settings, funnel=account).artifact)
    text, shown = Page(html).text, Page(html).images
    assert figures["stages"]["pack"]["counts"]["rejected"] == {"taken_down": 1}
    assert "taken down" in text
    assert {copy["caption"] for copy in copies[1:]} <= set(shown)
    assert copies[0]["caption"] not in text
    assert {copies[0]["caption"], gone["caption"]}.isdisjoint(shown)
