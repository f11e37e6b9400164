"""A side of a study is a folder that `dalle generate` wrote, another system's folder, or an artifact."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.finished_run import finished_run
from support.study import PROMPTS, side_folder

from models.training.images import encode_png
from tasks.errors import ConfigError, SourceError
from tasks.settings import Settings
from tasks.study.sides import read_side


def generated(folder: Path, prompt: str, level: int, finished: bool = True) -> Path:
    """The files of `dalle generate` that count here: the best one is brighter than the first."""
    (folder / "candidates").mkdir(parents=True)
    (folder / "pictures.json").write_text(json.dumps({"prompt": prompt, "finished": finished}))
    for name, brighter in (("00.png", 1), ("candidates/0000.png", 0)):
        (folder / name).write_bytes(encode_png(np.full((8, 8, 3), level + brighter, np.uint8)))
    return folder


def test_a_table_beside_pictures_names_their_prompts(tmp_path: Path) -> None:
    side = read_side(side_folder(tmp_path / "other", 10))
    assert tuple(side.places) == PROMPTS
    assert side.pictures([PROMPTS[2]]) == {PROMPTS[2]: (tmp_path / "other" / "2.png").read_bytes()}


def test_a_folder_that_dalle_compose_writes_is_such_a_one_too(tmp_path: Path) -> None:
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "caption", "split"), ("images/0.jpg", "a red apple", "train")])
    assert read_side(str(tmp_path)).places["a red apple"].uri == f"{tmp_path}/images/0.jpg"


@pytest.mark.parametrize("first", [False, True])
def test_of_what_generate_drew_the_best_counts_or_the_first_one(tmp_path: Path, first: bool) -> None:
    generated(tmp_path / "drawn" / "one", "a cat", 20)
    generated(tmp_path / "drawn" / "two", "a dog", 30)
    wanted = "candidates/0000.png" if first else "00.png"
    several, alone = (read_side(str(tmp_path / name), first) for name in ("drawn", "drawn/two"))
    assert set(several.places) == {"a cat", "a dog"}
    assert alone.pictures(["a dog"]) == {"a dog": (tmp_path / "drawn" / "two" / wanted).read_bytes()}


def test_samples_and_held_out_originals_of_a_run_are_sides(settings: Settings) -> None:
    run = finished_run(settings, train=8, val=2, train_prompts=2, candidates=2)
    metrics = run.finish("evaluate", lambda output: output.write("metrics.json", b"{}"), "rerank")
    samples, first = (read_side(metrics.uri, first) for first in (False, True))
    originals = read_side(run.artifacts["pack"].uri)
    assert set(originals.places) == {row["caption"] for row in run.val}
    prompt = next(iter(samples.places.keys() & originals.places.keys()))
    [true] = [row["image"] for row in run.val if row["caption"] == prompt]
    assert originals.pictures([prompt]) == {prompt: true}
    assert samples.pictures([prompt])[prompt].startswith(b"\x89PNG")
    assert samples.places.keys() == first.places.keys()
    assert samples.places != first.places


def test_what_is_no_side_is_told_in_a_sentence(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SourceError, match="There is no folder"):
        read_side(str(tmp_path / "nothing"))
    with pytest.raises(SourceError, match="holds no pictures"):
        read_side(str(tmp_path))
    (tmp_path / "x.csv").write_text("name,words\n1.png,a cat\n")
    with pytest.raises(SourceError, match="no columns file and prompt: its first line names name, words"):
        read_side(str(tmp_path))
    with pytest.raises(SourceError, match="has no samples"):
        read_side(finished_run(settings, train=8, val=2, train_prompts=1, candidates=1).artifacts["train_clip"].uri)


def test_unfinished_and_doubled_prompts_are_told_in_a_sentence(tmp_path: Path) -> None:
    generated(tmp_path / "a" / "one", "a cat", 20, finished=False)
    with pytest.raises(SourceError, match="was not finished"):
        read_side(str(tmp_path / "a"))
    for name in ("one", "two"):
        generated(tmp_path / "b" / name, "a cat", 20)
    with pytest.raises(ConfigError, match="both hold pictures of 'a cat'"):
        read_side(str(tmp_path / "b"))
    side = read_side(side_folder(tmp_path / "c", 1))
    (tmp_path / "c" / "0.png").unlink()
    with pytest.raises(SourceError, match=r"There is no picture .*0\.png"):
        side.pictures([PROMPTS[0]])
