"""A second model scores the samples; the ranker never scores its own choice."""

import pytest
from support.evidence import evidence, judged
from support.finished_run import FEW_CHOICES, emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_generator, write_published_clip

from tasks import pack
from tasks.engine import storage
from tasks.errors import ModelMismatchError
from tasks.evaluate import scorer
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.stage import evaluate
from tasks.report.config import Config as ReportConfig
from tasks.report.stage import report
from tasks.rerank import Config as RerankConfig
from tasks.rerank import rerank
from tasks.sample.config import Config as SampleConfig
from tasks.sample.stage import sample
from tasks.train import clip
from tasks.train import scorer as second_model


def scored(prompt_id: int, *scores: float, group: str = "train") -> list[dict]:
    """The candidates of a prompt, best by the ranker first, with scores by the second model."""
    made = judged(prompt_id, [None] * len(scores), group)
    return [row | {"scorer_score": score} for row, score in zip(made, scores, strict=True)]


def test_the_gain_is_that_of_the_rankers_choice_over_any_one_drawn():
    found = scorer.measure(evidence(scored(0, 0.5, 0.3) + scored(1, 0.2, 0.2), scorer="a clip"))
    assert found.model == "a clip"
    assert [each.value for each in (found.train.best, found.train.uncurated, found.train.gain)] == pytest.approx(
        [35, 30, 5]
    )
    assert found.fixed is found.val is None


def test_a_choice_among_more_scores_more_if_the_two_models_agree():
    agreed = scorer.measure(evidence(scored(0, 0.4, 0.3, 0.2, 0.1), scorer="a clip")).by_candidates
    assert agreed.lines[0].x == (1, 2, 4)
    assert agreed.lines[0].y == pytest.approx((25, 40 * 3 / 6 + 30 * 2 / 6 + 20 / 6, 40))
    opposed = scorer.measure(evidence(scored(0, 0.1, 0.2, 0.3, 0.4), scorer="a clip")).by_candidates
    assert opposed.lines[0].y[-1] == pytest.approx(10)


def test_without_a_second_model_there_are_no_scores_by_it():
    assert scorer.measure(evidence(judged(0, [True]))) is None


@pytest.fixture
def ranked(settings, tmp_path):
    """Packed pairs, and samples ranked by a published CLIP."""
    write_published_clip(tmp_path / "ranker")
    pairs = pack.pack(
        pack.Config(val_fraction=0.3), settings, images=artifact("images", settings, emoji_pairs(24))
    ).artifact
    drawing = SampleConfig(prompts=("a red apple", "a frog"), train_prompts=2, val_prompts=1, candidates=3)
    samples = sample(drawing, settings, pairs=pairs, generator=tiny_generator(settings)).artifact
    config = clip.Config(pretrained=str(tmp_path / "ranker"))
    ranker = clip.train_clip(config, settings, pairs=pairs, bpe=pairs).artifact
    return {"pairs": pairs, "scores": rerank(RerankConfig(), settings, samples=samples, ranker=ranker).artifact}


def test_every_sample_is_scored_and_the_report_names_the_model(settings, tmp_path, ranked):
    write_published_clip(tmp_path / "second-clip", seed=1)
    other = second_model.scorer(second_model.Config(pretrained=str(tmp_path / "second-clip")), settings).artifact
    made = evaluate(FEW_CHOICES, settings, **ranked, scorer=other).artifact
    judged_rows = rows(made, "judged")
    assert len({row["scorer_score"] for row in judged_rows}) > 10
    assert [row["scorer_score"] for row in judged_rows] != [row["score"] for row in judged_rows]
    figures = Evaluation.model_validate_json(storage.read_bytes(made.file(METRICS)))
    assert figures.scorer.model == "second-clip"
    assert figures.scorer.by_candidates.lines[0].x == (1, 2, 3)
    assert made.manifest().metrics["scorer_best"] == figures.scorer.train.best.value
    page = storage.read_bytes(report(ReportConfig(), settings, evaluate=made).artifact.file("index.html")).decode()
    assert "second-clip" in page
    assert "More candidates, better score" in page
    assert "No second CLIP scored the samples" not in page


def test_without_a_second_model_the_report_says_so(settings, ranked):
    made = evaluate(FEW_CHOICES, settings, **ranked).artifact
    page = storage.read_bytes(report(ReportConfig(), settings, evaluate=made).artifact.file("index.html")).decode()
    assert "No second CLIP scored the samples" in page
    assert {row["scorer_score"] for row in rows(made, "judged")} == {None}


def test_the_ranker_under_another_name_is_refused(settings, tmp_path, ranked):
    (tmp_path / "ranker").rename(tmp_path / "another-name")
    same = second_model.scorer(second_model.Config(pretrained=str(tmp_path / "another-name")), settings).artifact
    with pytest.raises(ModelMismatchError, match="no model may score its own choice"):
        evaluate(FEW_CHOICES, settings, **ranked, scorer=same)
