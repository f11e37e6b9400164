"""Pictures of a training: what stands where, and that a reader never sees half a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.dvae.train import DVAEJob, train
from models.files import newest_pictures
from models.training.distributed import Ranks
from models.training.pictures import code_histogram, rows_of, save_pictures


def test_rows_hold_their_images_in_their_order() -> None:
    first, second = torch.arange(6 * 4).view(2, 3, 2, 2), torch.zeros(2, 3, 2, 2, dtype=torch.int64)
    picture = rows_of(first, second)
    assert picture.shape == (3, 4, 4)
    assert torch.equal(picture[:, :2, :2], first[0])
    assert torch.equal(picture[:, :2, 2:], first[1])
    assert not picture[:, 2:].any()


def test_bars_fall_from_the_most_frequent_code_to_those_that_never_occur() -> None:
    picture = code_histogram(torch.tensor([0, 100, 3, 0]))
    heights = (picture[0] < 255).sum(0)
    assert heights[0] == picture.shape[1]
    assert heights[0] > heights[1] > 0
    assert heights[2] == heights[3] == 0


def test_no_code_at_all_is_an_empty_picture() -> None:
    assert (code_histogram(torch.zeros(5)) == 255).all()


def test_each_step_keeps_the_pictures_given_and_a_repeated_one_replaces_its_own(tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    save_pictures(tmp_path, 4, {"a": picture * 0, "b": picture})
    save_pictures(tmp_path, 10, {"a": picture * 0})
    save_pictures(tmp_path, 10, {"a": picture})
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert names == ["0000004/a.png", "0000004/b.png", "0000010/a.png"]
    assert newest_pictures(tmp_path) == (tmp_path / "0000010" / "a.png",)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "0000010" / "a.png")), picture.permute(1, 2, 0).numpy())


def test_a_model_without_pictures_leaves_no_folder(tmp_path: Path) -> None:
    save_pictures(tmp_path / "pictures", 1, {})
    assert not (tmp_path / "pictures").exists()
    assert newest_pictures(tmp_path / "pictures") == ()


def test_a_dvae_shows_its_reconstructions_and_codes_at_each_validation_and_at_the_end(
    dvae_job: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    job = DVAEJob.model_validate(dvae_job("run", steps=4, validate_every=2, log_every=1))
    train(job, Ranks())
    size, pictures = job.model.image_size, Path(job.out) / "pictures"
    assert sorted(path.name for path in pictures.iterdir()) == ["0000002", "0000004"]
    shown = Image.open(pictures / "0000004" / "reconstructions.png").size
    assert shown[1] == 2 * size
    assert shown[0] % size == 0
    assert Image.open(pictures / "0000004" / "codes.png").size[0] == job.model.vocab_size
    assert list((Path(job.out) / "tensorboard").iterdir())
