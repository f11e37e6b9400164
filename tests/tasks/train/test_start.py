"""Fine-tuning: a run on other pairs that starts from a finished model, with its tokenizers."""

import shutil
from pathlib import Path

import pytest
from support.compositions import pairs_of
from support.tables import artifact

from flows.changes import assigned
from flows.config import PipelineConfig
from flows.pipeline import Models, tokenized, training
from flows.recipes import demo
from flows.run import DirectRun, PlannedRun
from models.files import MODEL_MANIFEST, TOKENIZER_FOLDER, WEIGHTS
from models.folder import describe_files, read_manifest
from models.prior.config import PriorLayout
from models.training.errors import CheckpointError
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.errors import ModelMismatchError
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.bpe import train_bpe
from tasks.train.finished import Config as FinishedConfig
from tasks.train.finished import other_training, take_generator, training_set
from tasks.train.prior import Config as PriorConfig
from tasks.train.prior import train_prior
from tasks.train.trainer import read_curves

GALLERY = Path(__file__).parents[3] / "data" / "gallery"
FEW = (
    "prior.training.steps=12",
    "prior.training.batch_size=8",
    "prior.training.warmup_steps=2",
    "prior.training.learning_rate=0.0003",
    "prior.training.muon_learning_rate=0.003",
    "prior.training.code_noise=0",
    "prior.training.precision=fp32",
    "prior.training.validate_every=null",
    "prior.training.log_every=4",
    "clip.training.steps=4",
    "clip.training.warmup_steps=1",
    "clip.training.validate_every=null",
)


def from_gallery(*changes: str, folder: Path = GALLERY) -> PipelineConfig:
    return assigned(demo(), [f"models.start_from={folder}", *FEW, *changes])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("start")
    return Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)


@pytest.fixture(scope="module")
def pairs(settings: Settings) -> Artifact:
    """Compositions of fewer things and colours than the finished model's."""
    images = artifact("images", settings, pairs_of("train", 1)[:64])
    return pack(PackConfig(val_fraction=0.25), settings, images=images).artifact


@pytest.fixture(scope="module")
def start(settings: Settings) -> Artifact:
    return take_generator(FinishedConfig(start_from=str(GALLERY)), settings).artifact


@pytest.mark.end_to_end
def test_a_run_on_other_pairs_starts_where_the_finished_model_is_and_learns(
    settings: Settings, pairs: Artifact
) -> None:
    models = training(DirectRun(settings), from_gallery(), pairs)
    assert models.tokenizer.read(WEIGHTS) == (GALLERY / TOKENIZER_FOLDER / WEIGHTS).read_bytes()
    assert models.tokenizer.manifest().metrics["psnr"] > 20  # measured on these pictures
    made = models.generator.manifest()
    assert made.config["model"] == PriorLayout(width=192, layers=5, heads=4).model_dump()
    curve = read_curves(models.generator)
    assert curve[0]["image"] < 1.0  # nats a code; ln 256, 5.5, is chance
    assert curve[-1]["image"] < 0.9 * curve[0]["image"]
    assert made.metrics["image"] < 1.0
    (began,) = {each for each in made.inputs.values() if each.startswith("take_generator/")}
    assert began == made.inputs["start"]


def planned(config: PipelineConfig, settings: Settings, pairs: Artifact) -> tuple[Models, dict[str, str]]:
    run = PlannedRun(settings)
    models = training(run, config, pairs)
    return models, {each.stage: each.address for each in run.artifacts}


def test_the_model_counts_by_its_content_and_what_the_config_says_of_shapes_does_not(
    settings: Settings, pairs: Artifact, tmp_path: Path
) -> None:
    _, first = planned(from_gallery(), settings, pairs)
    moved = shutil.copytree(GALLERY, tmp_path / "moved")
    shapes = ("prior.model.width=64", "bpe.vocab_size=4096", "dvae.model.vocab_size=512", "tokenizer=vqgan")
    assert planned(from_gallery(*shapes, folder=moved), settings, pairs)[1] == first
    (moved / WEIGHTS).write_bytes((moved / "ranker" / WEIGHTS).read_bytes())
    manifest = read_manifest(moved).model_copy(update={"files": describe_files(moved)})
    storage.write_json(str(moved / MODEL_MANIFEST), manifest.model_dump(mode="json"))
    other = planned(from_gallery(folder=moved), settings, pairs)[1]
    assert {stage for stage in first if first[stage] != other[stage]} == {
        "take_generator",
        "train_bpe",
        "train_clip",
        "train_prior",
    }


def test_without_a_start_the_addresses_are_those_of_before(settings: Settings, pairs: Artifact) -> None:
    models, made = planned(demo(), settings, pairs)
    assert set(made) == {"train_bpe", "train_dvae", "train_clip", "extract", "train_prior"}
    plain = {"tokens": models.tokens, "bpe": train_bpe.artifact(demo().bpe, settings, pairs=pairs)}
    assert train_prior.artifact(demo().prior, settings, **plain, tokenizer=models.tokenizer) == models.generator


def test_images_are_stored_for_the_crops_of_the_models_tokenizer(tmp_path: Path) -> None:
    assert from_gallery("dvae.model.image_size=24").largest_crop_px == 96
    assert from_gallery(folder=tmp_path / "on the worker").largest_crop_px == 96  # as the recipe has it


def test_a_folder_that_is_not_there_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such folder"):
        FinishedConfig(start_from=str(tmp_path / "nothing")).require()


def test_the_text_tokenizer_is_taken_and_tells_which_captions_it_cuts(
    settings: Settings, pairs: Artifact, start: Artifact
) -> None:
    made = train_bpe(from_gallery().started.bpe, settings, pairs=pairs, start=start).artifact
    assert made.read("tokenizer.json") == (GALLERY / "tokenizer.json").read_bytes()
    assert (made.manifest().metrics["vocabulary"], made.manifest().metrics["captions_cut"]) == (560, 0)
    with pytest.raises(ModelMismatchError, match="reads 28 tokens of a caption, and its prior 8"):
        train_bpe(demo().bpe.model_copy(update={"text_length": 8}), settings, pairs=pairs, start=start)


@pytest.mark.end_to_end
def test_a_prior_of_another_shape_or_with_other_tokenizers_is_refused(
    settings: Settings, pairs: Artifact, start: Artifact
) -> None:
    config = from_gallery().started
    made = tokenized(DirectRun(settings), config, pairs)
    given = {"tokens": made.tokens, "tokenizer": made.tokenizer, "start": start}
    wider = PriorConfig(model=PriorLayout(width=256, layers=3, heads=4), training=config.prior.training)
    with pytest.raises(ModelMismatchError, match=r"width 192, not 256 and layers 5, not 3: give prior\.model its"):
        train_prior(wider, settings, bpe=made.bpe, **given)
    own = train_bpe(config.bpe, settings, pairs=pairs).artifact
    with pytest.raises(ModelMismatchError, match=r"has text_vocab 560, not \d+:|with another text tokenizer:"):
        train_prior(config.prior, settings, bpe=own, **given)


def test_what_it_was_trained_on_before_is_told(settings: Settings, pairs: Artifact, start: Artifact) -> None:
    before = start.manifest().metrics["trained_on"]
    said = other_training(before, pairs, is_start=True)
    assert said is not None
    assert said.startswith("What the prior's training started from was trained on other pairs than those of pack/")
    own = training_set(pairs)
    assert other_training(f"{own} {before}", pairs) is not None
    assert other_training(f"{own} {own}", pairs) is None
