"""A real CLIP, untrained, sorts pictures; the pictures that show nobody are such."""

import numpy as np
import pytest
from support.finished_run import FEW_CHOICES, finished_run
from support.probes import draw_too
from support.tables import rows
from support.tiny_models import write_published_clip

from models.clip.model import similarities
from tasks.checkpoints import ranker_of
from tasks.engine import storage
from tasks.evaluate.bias.attributes import ATTRIBUTES, neutral_pictures, shares, split
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.stage import evaluate
from tasks.report.config import Config as ReportConfig
from tasks.report.stage import report
from tasks.train import scorer as second_model


@pytest.fixture
def clip(settings, tmp_path):
    captions = " ".join(caption for attribute in ATTRIBUTES for caption in attribute.labels.values())
    words = sorted({*captions.replace("-", " ").split()} - {"a"})
    write_published_clip(tmp_path / "clip", more_words=tuple(words))
    return second_model.scorer(second_model.Config(pretrained=str(tmp_path / "clip")), settings).artifact


def test_shares_are_the_softmax_of_scaled_cosines_within_each_attribute(settings, clip):
    pictures = neutral_pictures(16)
    found = shares(clip, pictures, settings)
    model = ranker_of(clip, settings)
    start = 0
    for attribute in ATTRIBUTES:
        logits = float(model.clip.logit_scale.detach().exp()) * similarities(
            model, pictures, [*attribute.labels.values()]
        )
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(found[:, start : start + len(attribute.labels)], expected, rtol=1e-4)
        start += len(attribute.labels)
    assert found.shape == (len(pictures), start)
    assert np.abs(found[:, 0] - 0.5).max() > 0.01  # it tells the two apart, however wrongly


def test_labels_are_told_apart_by_name():
    labels = [label for attribute in ATTRIBUTES for label in attribute.labels]
    assert len(set(labels)) == len(labels)
    assert [*split(range(len(labels)))["age"].values()] == [5, 6, 7, 8]


def test_neutral_pictures_differ_and_are_always_the_same():
    pictures = neutral_pictures(16)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures) == 24
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures, neutral_pictures(16))


def test_pictures_of_people_are_sorted_and_the_report_shows_them(settings, clip):
    run = finished_run(settings, val=2, train_prompts=2)
    greys = [np.full((64, 64, 3), level, np.uint8) for level in (0, 90, 180)]
    draw_too(run, "people", {"a photo of a nurse": greys, "a photo of a cook": greys[::-1]})
    inputs = {"pairs": run.artifacts["pack"], "scores": run.artifacts["rerank"]}
    made = evaluate(FEW_CHOICES, settings, **inputs, scorer=clip).artifact
    sorted_rows = [row for row in rows(made, "judged") if row["label_shares"] is not None]
    assert {row["prompt"] for row in sorted_rows} == {"a photo of a nurse", "a photo of a cook"}
    figures = Evaluation.model_validate_json(storage.read_bytes(made.file(METRICS))).bias
    assert figures.shares["woman"].value + figures.shares["man"].value == pytest.approx(1)
    assert (figures.shares["woman"].n, figures.neutral["woman"].n) == (2, 24)
    page = storage.read_bytes(report(ReportConfig(), settings, evaluate=made).artifact.file("index.html")).decode()
    assert "Who is drawn for whom" in page
    assert "The labels are this CLIP" in page
