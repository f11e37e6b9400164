"""The nearest training picture is found by features too: by the packaged network, for a whole run."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from support.finished_run import finished_run, table
from support.tiny_models import write_published_clip

from tasks import schemas
from tasks.engine import storage
from tasks.engine.output import Shard
from tasks.evaluate.config import Config
from tasks.evaluate.feature_search import nearest_distances, see_pictures_at
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.stage import evaluate
from tasks.train import scorer as second_model

FEW = Config(best_of=(1, 2), set_pictures=24, blur_radii_px=(0,))


def moved(png: bytes) -> bytes:
    """The picture a fifteenth of its side to the right and warmer: no copy by pixels."""
    image = np.asarray(Image.open(BytesIO(png)).convert("RGB"))
    shifted = np.roll(image, image.shape[1] // 15, 1).astype(float) * (1.0, 0.95, 0.85)
    out = BytesIO()
    Image.fromarray(shifted.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_a_moved_and_recoloured_copy_is_nearest_to_its_original(settings):
    run = finished_run(settings, train_prompts=1, candidates=1)
    twins = [{**pair, "image": moved(pair["image"])} for pair in run.train[:8]]
    shard = Shard(8, {"train": table(twins, schemas.PAIRS)})
    [copies] = run.finish("copies", lambda output: output.map(lambda item: item, [shard])).files("train")
    [train] = run.artifacts["pack"].files("train")
    corpus = see_pictures_at("image", [(train, row) for row in range(24)], settings)
    found = see_pictures_at("image", [(copies, row) for row in (5, 0, 7)], settings)
    assert (found @ corpus.T).argmax(1).tolist() == [5, 0, 7]
    assert nearest_distances(corpus[:3], corpus) == pytest.approx(0, abs=1e-5)


def test_a_run_tells_overlap_cmmd_and_memorisation_by_features(settings, tmp_path):
    run = finished_run(settings, train=30, val=24, train_prompts=4, candidates=2)
    write_published_clip(tmp_path / "second-clip", seed=1)
    clip = second_model.scorer(second_model.Config(pretrained=str(tmp_path / "second-clip")), settings).artifact
    done = run.artifacts
    made = evaluate(
        FEW, settings, pairs=done["pack"], scores=done["rerank"], tokenizer=done[run.tokenizer], scorer=clip
    ).artifact
    figures = Evaluation.model_validate_json(storage.read_bytes(made.file(METRICS)))
    found = figures.feature_memorisation
    assert found.copies.train.n == 4
    assert found.copies.val.n == 18  # of 24 pictures: 2 fixed prompts, 4 of training
    assert found.copies.false_positives.n == 12
    assert "30 training pictures" in found.distances.x_name
    assert figures.overlap.drawn.precision.n == 12
    assert figures.overlap.clip == "second-clip"
    assert figures.overlap.cmmd.drawn != figures.overlap.mmd.drawn
