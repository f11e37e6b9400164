"""Which pictures of a run a network looks at, and with which network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.feature_networks import Both, FeaturesAlone, OnDemand, write_network
from support.finished_run import FinishedRun, evaluated, finished_run, table

from models.training.errors import CheckpointError
from models.training.images import centre_crop, decode
from tasks import schemas
from tasks.engine import storage
from tasks.engine.output import Shard
from tasks.errors import ConfigError, SourceError
from tasks.evaluate.config import Config
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.picture_sets.features import Look, PictureSets, PicturesToSee, see_pictures, see_sets
from tasks.evaluate.stage import evaluate

HELD_OUT, TRAIN, SIDE = 20, 24, 64


@pytest.fixture
def run(settings) -> FinishedRun:
    return finished_run(settings, val=HELD_OUT, train=TRAIN, train_prompts=2, candidates=2)


@pytest.fixture
def config(tmp_path) -> Config:
    """The colours of pictures as their features: nothing heavy, and known."""
    return Config(inception=str(write_network(tmp_path / "net.pt", Both())), blur_radii_px=(0, 4), set_pictures=30)


def sets_of(run: FinishedRun, config: Config) -> PictureSets:
    found = see_sets(config, run.artifacts["pack"], run.artifacts["rerank"], run.settings)
    assert found is not None
    return found


def colours(encoded: bytes) -> np.ndarray:
    return (centre_crop(decode(encoded), SIDE).reshape(-1, 3) / 255).mean(0)


def test_every_picture_is_seen_with_its_own_features_at_the_samples_size(run, config):
    sets = sets_of(run, config)
    images = {pair["pair_id"]: pair["image"] for pair in [*run.train, *run.val]}
    assert (sets.side_px, len(sets.held_out), len(sets.train)) == (SIDE, HELD_OUT, TRAIN)
    for known in (sets.held_out, sets.train):
        expected = np.stack([colours(images[pair_id]) for pair_id in known.pair_ids])
        assert known.features[:, :3] == pytest.approx(expected, abs=1e-5)
    one = sets.samples.pictures[-1]
    row = schemas.read_table(one.uri).to_pylist()[one.row]
    assert (row["prompt_id"], row["index"], row["group"]) == (one.prompt_id, one.index, one.group)
    assert sets.samples.features[-1, :3] == pytest.approx(colours(row["image"]), abs=1e-5)


def test_first_drawn_samples_of_held_out_captions_come_first_and_are_blurred_like_the_real_pictures(run, config):
    sets = sets_of(run, config)
    first = [(one.group, one.index) for one in sets.first_drawn.pictures]
    assert first == [("val", 0)] * (config.set_pictures // 2)
    assert sets.samples.pictures[: len(first)] == sets.first_drawn.pictures
    assert len(sets.samples) == config.set_pictures
    for sharp, blurred in zip(sets.blurred[0.0], sets.blurred[4.0], strict=True):
        assert sharp.pictures == blurred.pictures
        assert (sharp.features[:, 3:] > blurred.features[:, 3:]).all()  # less contrast
        assert sharp.features[:, :3] == pytest.approx(blurred.features[:, :3], abs=0.05)


def test_no_set_is_larger_than_is_configured_and_true_pictures_of_drawn_captions_stay(run, config):
    sets = sets_of(run, config.model_copy(update={"set_pictures": 8}))
    assert [len(each) for each in (sets.samples, sets.held_out, sets.train)] == [8, 8, 8]
    assert set(sets.first_drawn.pair_ids) <= set(sets.held_out.pair_ids)
    assert len(sets.first_drawn) == 4


def test_the_choice_does_not_depend_on_shards_or_on_further_captions_of_a_picture(run, config):
    few = config.model_copy(update={"set_pictures": 8})
    before = sets_of(run, few)
    further = [{**pair, "pair_id": f"!{pair['pair_id'][1:]}", "caption": "another caption"} for pair in run.train]
    shards = [
        Shard(2 * TRAIN, {"train": table([*run.train[::-1], *further], schemas.PAIRS)}),
        Shard(HELD_OUT // 2, {"val": table(run.val[1::2], schemas.PAIRS)}),
        Shard(HELD_OUT // 2, {"val": table(run.val[::2], schemas.PAIRS)}),
    ]
    run.finish("pack", lambda output: output.map(lambda item: item, shards), "dedup")
    after = sets_of(run, few)
    assert after.held_out.pair_ids == before.held_out.pair_ids
    assert np.array_equal(after.held_out.features, before.held_out.features)
    assert np.array_equal(after.train.features, before.train.features)


def test_the_evaluation_tells_the_figures_of_the_named_network_as_fid(run, config):
    figures = Evaluation.model_validate_json(storage.read_bytes(evaluated(run, config).file(METRICS))).picture_sets
    assert figures.network == "Inception, net.pt"
    assert figures.fid is not None
    assert figures.inception_score is not None
    assert figures.efficientnet_distance is None


def test_the_named_file_counts_by_its_content_and_not_by_where_it_lies(run, tmp_path):
    def address(file) -> str:
        return evaluate.artifact(Config(inception=str(file)), run.settings).address

    one = write_network(tmp_path / "one.pt", OnDemand())
    copy = Path(shutil.copy(one, tmp_path / "copy.pt"))
    other = write_network(tmp_path / "other.pt", OnDemand(), seed=1)
    assert address(one) == address(copy) != address(other)
    assert evaluate.artifact(Config(), run.settings).address not in (address(one), address(other))


def test_a_file_that_is_missing_or_no_network_is_refused_before_the_run(tmp_path):
    with pytest.raises(SourceError, match="There is no file"):
        Config(inception=str(tmp_path / "missing.pt")).require()
    torch.save(Both().state_dict(), tmp_path / "weights.pth")
    with pytest.raises(SourceError, match="no TorchScript"):
        Config(inception=str(tmp_path / "weights.pth")).require()


def test_a_network_that_gives_something_else_ends_the_stage(run, tmp_path):
    with pytest.raises(CheckpointError, match="neither features on demand"):
        sets_of(run, Config(inception=str(write_network(tmp_path / "net.pt", FeaturesAlone()))))


def test_a_worker_with_another_network_says_so(run, config):
    look = Look(config.inception, "another", SIDE)
    work = PicturesToSee(run.artifacts["rerank"].files("scores")[0], (0,), (0,), (0.0,))
    with pytest.raises(ConfigError, match="another network"):
        see_pictures(look, work)
