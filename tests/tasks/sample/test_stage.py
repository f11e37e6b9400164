"""Drawing candidates: which prompts, and that a candidate depends on seed, prompt and index alone."""

import itertools

import cv2
import numpy as np
import pytest
from support import painter
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import CODES, GRID, IMAGE_SIZE, tiny_generator

from models import generator
from tasks import pack
from tasks.checkpoints import generator_of
from tasks.engine.artifact import Artifact
from tasks.sample.choice import choose_prompts
from tasks.sample.config import Config
from tasks.sample.stage import sample
from tasks.train.subset import TrainingShare

CONFIG = Config(prompts=("a red apple", "a frog"), train_prompts=3, val_prompts=2, candidates=3)


@pytest.fixture
def pairs(settings) -> Artifact:
    images = artifact("images", settings, emoji_pairs(24))
    return pack.pack(pack.Config(val_fraction=0.3), settings, images=images).artifact


def drawn(made: Artifact) -> dict[tuple[str, int], tuple[bytes, bytes]]:
    """Codes and picture of every candidate, by prompt and index."""
    return {(row["prompt"], row["index"]): (row["codes"], row["image"]) for row in rows(made, "samples")}


def test_prompts_are_the_fixed_ones_then_captions_of_pairs_of_their_split(pairs):
    prompts = list(choose_prompts(CONFIG, pairs))
    assert [prompt.group for prompt in prompts] == ["fixed", "fixed", "train", "train", "train", "val", "val"]
    ids = {split: {row["pair_id"] for row in rows(pairs, split)} for split in ("train", "val")}
    assert all(prompt.pair_id in ids[prompt.group] for prompt in prompts if prompt.group != "fixed")
    assert [prompt.prompt_id for prompt in prompts] == list(range(7))


def packed(settings, train: list[list[str]], val: list[str]) -> Artifact:
    """Pairs with these captions, the training pairs in shards."""
    numbers = itertools.count()

    def rows_of(captions: list[str], split: str) -> list[dict]:
        named = [(f"https://example.com/{next(numbers)}.png", caption) for caption in captions]
        return [{"url": url, "caption": caption, "split": split, "image": b""} for url, caption in named]

    images = artifact("images", settings, *(rows_of(shard, "train") for shard in train), rows_of(val, "validation"))
    return pack.pack(pack.Config(pairs_per_shard=1), settings, images=images).artifact


def texts(config: Config, pairs: Artifact) -> dict[str, list[str]]:
    prompts = list(choose_prompts(config, pairs))
    return {group: [p.text for p in prompts if p.group == group] for group in ("fixed", "train", "val")}


def test_held_out_prompts_are_none_that_training_has_as_a_caption(settings):
    """A short caption of a held-out picture may be that of a training picture too: it would ask for what was seen."""
    train = [["a red apple", "a green pear"], ["A Blue Plum on a table"]]
    val = ["a red apple", "a blue plum on a table", "a red apple on blue", "a green apple", "a green"]
    config = CONFIG.model_copy(update={"val_prompts": 10})
    assert sorted(texts(config, packed(settings, train, val))["val"]) == [
        "a green",
        "a green apple",
        "a red apple on blue",
    ]


@pytest.mark.parametrize("count", [1, 3, 5, 50])
def test_no_text_is_drawn_twice_in_a_group_and_the_order_of_shards_does_not_matter(settings, count):
    captions = [f"{'A' if number % 3 else 'a'} picture of {number % 7}" for number in range(40)]
    config = Config(prompts=("a frog", "a frog", "a bus"), train_prompts=count, val_prompts=count)
    val = [f"unseen {number % 6}" for number in range(20)]
    found = texts(config, packed(settings, [captions[:25], captions[25:]], val))
    assert found["fixed"] == ["a frog", "a bus"]
    assert len(found["train"]) == len({text.lower() for text in found["train"]}) == min(count, 7)
    assert len(found["val"]) == len(set(found["val"])) == min(count, 6)
    pairs = packed(settings, [captions[:25], captions[25:]], val)
    backwards = choose_prompts(config, Backwards(**pairs.model_dump()))
    assert list(backwards) == list(choose_prompts(config, pairs))


class Backwards(Artifact):
    def files(self, kind: str) -> list[str]:
        return super().files(kind)[::-1]


def test_every_candidate_is_a_picture_of_its_codes(settings, pairs):
    made = sample(CONFIG, settings, pairs=pairs, generator=tiny_generator(settings)).artifact
    assert made.manifest().counts.rows_out == 7 * 3
    for codes, image in drawn(made).values():
        grid = np.frombuffer(codes, "<u2")
        assert (len(grid), grid.max() < CODES) == (GRID**2, True)
        assert cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR).shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


def test_a_candidate_depends_on_seed_prompt_and_index_alone(settings, pairs):
    trained = tiny_generator(settings)
    few = drawn(sample(CONFIG, settings, pairs=pairs, generator=trained).artifact)
    other = CONFIG.model_copy(update={"prompts": ("a frog", "a bus"), "candidates": 5, "prompts_per_shard": 1})
    more = drawn(sample(other, settings, pairs=pairs, generator=trained).artifact)
    shared = few.keys() & more.keys()
    assert {prompt for prompt, _ in shared} == {"a frog"} | {p.text for p in choose_prompts(CONFIG, pairs) if p.pair_id}
    assert all(few[key] == more[key] for key in shared)
    seeded = drawn(sample(CONFIG.model_copy(update={"seed": 1}), settings, pairs=pairs, generator=trained).artifact)
    assert all(seeded[key] != few[key] for key in few)


def test_a_row_says_what_draws_its_picture_again(settings, pairs):
    trained = tiny_generator(settings)
    made = sample(CONFIG.model_copy(update={"seed": 2**40}), settings, pairs=pairs, generator=trained).artifact
    row = rows(made, "samples")[-1]
    again = generator_of(trained, settings).draw([row["prompt"]], row["index"] + 1, row["seed"])
    assert again.codes[0, row["index"]].astype("<u2").tobytes() == row["codes"]


def test_a_generator_without_codes_leaves_them_null(settings, pairs, monkeypatch):
    monkeypatch.setitem(generator.GENERATORS, painter.KIND, "support.painter")
    made = sample(CONFIG, settings, pairs=pairs, generator=painter.painter(settings)).artifact
    assert {codes for codes, _ in drawn(made).values()} == {None}
    assert len({image for _, image in drawn(made).values()}) == 7 * 3


def test_prompts_of_suites_come_last_with_what_their_files_say_and_without_a_pair(settings, pairs, tmp_path):
    (tmp_path / "own.csv").write_text("prompt,category,challenge\na bus,traffic,Basic\na ship,traffic,\n")
    suite = {"kind": "own", "path": str(tmp_path / "own.csv"), "name": "mine"}
    config = Config(prompts=("a frog",), train_prompts=1, val_prompts=1, candidates=2, suites=[suite])
    made = rows(sample(config, settings, pairs=pairs, generator=tiny_generator(settings)).artifact, "samples")
    assert [row["prompt_id"] for row in made] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [row["group"] for row in made[::2]] == ["fixed", "train", "val", "mine", "mine"]
    assert {(row["prompt"], row["pair_id"], row["category"], row["challenge"]) for row in made[6:]} == {
        ("a bus", None, "traffic", "Basic"),
        ("a ship", None, "traffic", None),
    }
    assert {row["category"] for row in made[:6]} == {None}


@pytest.mark.parametrize("prompts", [["a red apple", " "], ["a \udcff cat"]])
def test_a_prompt_of_the_fixed_list_that_cannot_be_drawn_is_refused(prompts):
    with pytest.raises(ValueError, match=r"prompt 2 is empty|not UTF-8"):
        Config(prompts=prompts)


def test_training_captions_are_of_the_share_that_is_asked_for(settings):
    known = packed(settings, [[f"picture {number}" for number in range(60)]], ["a new one"])
    urls = {row["pair_id"]: row["url"] for row in rows(known, "train")}
    share = TrainingShare(share=0.3, seed=4)
    config = CONFIG.model_copy(update={"train_prompts": 60, "train_from": share})
    drawn_from = {prompt.pair_id for prompt in choose_prompts(config, known) if prompt.group == "train"}
    assert drawn_from == {pair_id for pair_id, url in urls.items() if share.holds(url)}
    assert 0 < len(drawn_from) < 60
    assert texts(config, known)["val"] == ["a new one"]
