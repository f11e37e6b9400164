"""Models out of artifacts: a model that is not the one that was trained is refused, in one sentence."""

from pathlib import Path

import pytest
from support.tiny_models import tiny_generator, tiny_ranker

from flows.cli.errors import explained
from models.files import BPE_FILE, CONFIG, TOKENIZER_FOLDER, WEIGHTS
from models.training.errors import CheckpointError
from tasks.checkpoints import generator_of, local_folder, ranker_of
from tasks.errors import DamagedArtifactError


def flip_a_bit(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, BPE_FILE, f"{TOKENIZER_FOLDER}/{WEIGHTS}"])
@pytest.mark.parametrize("position", [3, -1])
def test_a_generator_with_one_flipped_bit_is_refused(settings, name, position):
    model = tiny_generator(settings)
    generator_of(model, settings)
    generator_of.cache_clear()
    flip_a_bit(Path(model.file(name)), position)
    with pytest.raises(DamagedArtifactError, match=rf"{name} is not the file that was written.* delete .* run again"):
        generator_of(model, settings)


def test_a_ranker_without_one_of_its_files_is_refused(settings):
    model = tiny_ranker(settings)
    Path(model.file(BPE_FILE)).unlink()
    with pytest.raises(DamagedArtifactError, match=f"{BPE_FILE} is missing: delete"):
        ranker_of(model, settings)


def test_a_whole_model_is_used_where_it_lies(settings):
    model = tiny_ranker(settings)
    assert str(local_folder(model, settings)) == model.uri


def test_a_model_that_cannot_be_loaded_is_one_line_on_the_command_line():
    assert explained(CheckpointError("cannot load weights.safetensors: wrong shape")) == (
        "cannot load weights.safetensors: wrong shape",
        1,
    )
