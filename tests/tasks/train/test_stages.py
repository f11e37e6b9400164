"""The stages around the trainers, with trainings of a few steps: what they write, and what they refuse."""

import numpy as np
import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact

from flows.config import PipelineConfig
from flows.recipes import smoke
from tasks import schemas
from tasks.errors import CollapsedCodesError, ModelMismatchError
from tasks.extract import extract
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.bpe import train_bpe
from tasks.train.dvae import train_dvae
from tasks.train.prior import train_prior

pytestmark = pytest.mark.end_to_end

SMOKE = smoke()


def changed(section: str, **values) -> PipelineConfig:
    """The smoke recipe with some values of one section changed."""
    old = SMOKE.model_dump()
    return PipelineConfig.model_validate(old | {section: old[section] | values})


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    return Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)


@pytest.fixture(scope="module")
def pairs(settings):
    config = changed("pack", val_fraction=0.3).pack
    return pack(config, settings, images=artifact("images", settings, emoji_pairs(24))).artifact


@pytest.fixture(scope="module")
def bpe(settings, pairs):
    return train_bpe(SMOKE.bpe, settings, pairs=pairs).artifact


@pytest.fixture(scope="module")
def dvae(settings, pairs):
    return train_dvae(SMOKE.dvae, settings, pairs=pairs).artifact


@pytest.fixture(scope="module")
def tokens(settings, pairs, dvae):
    return extract(SMOKE.extract, settings, pairs=pairs, tokenizer=dvae).artifact


def test_every_pair_has_codes_of_its_image(settings, pairs, dvae, tokens):
    assert tokens.manifest().counts.rows_out == pairs.manifest().counts.rows_out
    vocabulary = SMOKE.dvae.model.vocab_size
    for shard in tokens.files("train"):
        for codes in schemas.read_table(shard)["codes"].to_pylist():
            grid = np.frombuffer(codes, "<u2")
            assert len(grid) == SMOKE.dvae.model.codes_per_image
            assert grid.max() < vocabulary


def test_a_training_records_on_what_it_ran_and_its_processors(dvae):
    run = dvae.manifest().run
    assert (run.trainer.device[:5], run.trainer.processes) == ("cpu x", 1)
    assert 0 < run.trainer.seconds < run.seconds
    assert (
        run.cpu_seconds > run.trainer.seconds / 10
    )  # the trainer is a child, and another program may have had the cores


def test_further_encodings_are_of_other_crops_and_only_of_training_images(settings, pairs, dvae, tokens):
    config = changed("extract", encodings=2).extract
    twice = extract(config, settings, pairs=pairs, tokenizer=dvae).artifact
    rows = [row for shard in twice.files("train") for row in schemas.read_table(shard).to_pylist()]
    first = {row["pair_id"]: row["codes"] for row in rows if row["crop"] == 0}
    second = {row["pair_id"]: row["codes"] for row in rows if row["crop"] == 1}
    assert first.keys() == second.keys()
    assert first != second
    assert sum(schemas.read_table(s).num_rows for s in twice.files("val")) == sum(
        schemas.read_table(s).num_rows for s in tokens.files("val")
    )


def test_a_prior_refuses_tokens_of_another_dvae(settings, pairs, bpe, tokens):
    training = SMOKE.dvae.training.model_dump() | {"seed": 1}
    other = train_dvae(changed("dvae", training=training).dvae, settings, pairs=pairs).artifact
    with pytest.raises(ModelMismatchError, match=r"extract/\w+ was made with train_dvae/\w+, not with train_dvae/\w+"):
        train_prior(SMOKE.prior, settings, tokens=tokens, bpe=bpe, tokenizer=other)


def test_a_collapsed_dvae_stops_the_run_before_anything_is_built_on_it(settings, pairs):
    config = changed("dvae", health={"least_usage": 1.0}).dvae
    with pytest.raises(CollapsedCodesError, match=r"fewer than dvae\.health\.least_usage \(100%\).*: train it"):
        train_dvae(config, settings, pairs=pairs)
    assert not train_dvae.artifact(config, settings, pairs=pairs).is_finished()
