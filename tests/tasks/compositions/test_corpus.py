"""A corpus holds out whole combinations and no part of them, draws nothing that cannot be seen, and says it all."""

import csv
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from tasks.compositions.config import CompositionsConfig
from tasks.compositions.corpus import MIN_WORDS, Corpus, combinations
from tasks.compositions.folder import write_folder
from tasks.compositions.grounds import COLOURS
from tasks.compositions.pool import THINGS
from tasks.compositions.scene import SKILLS, Scene
from tasks.compositions.wording import SUBJECTS, captions, read, things_in
from tasks.crawl.config import Config
from tasks.crawl.sources.folder import crawl_folder
from tasks.errors import ConfigError
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import cleaned, rejection_reasons

ARCHIVE = Config().archive_path
SMALL = {"things": 10, "unseen_things": 2, "colours": 5, "pairs": 40, "per_pair": 2, "per_count": 2}
CONFIGS = [
    CompositionsConfig(),
    CompositionsConfig(seed=1),
    CompositionsConfig(seed=7, colours=16, held_out=0.2),
    CompositionsConfig(**SMALL, seed=2),
    CompositionsConfig(**SMALL, seed=3, captions=1, held_out=0.25),
]


@cache
def corpus_of(config: CompositionsConfig) -> Corpus:
    return Corpus(config, ARCHIVE)


@pytest.fixture(scope="module", params=range(len(CONFIGS)))
def corpus(request):
    """Several corpora, one after the other."""
    return corpus_of(CONFIGS[request.param])


def of_split(corpus: Corpus, split: str) -> list[Scene]:
    return [composition.scene for composition in corpus.compositions if composition.split == split]


def test_no_training_picture_shows_a_combination_that_is_held_out(corpus):
    assert not [scene for scene in of_split(corpus, "train") if combinations(scene) & corpus.held_out]


def test_a_held_out_picture_shows_one_held_out_combination_alone(corpus):
    assert {len(combinations(scene) & corpus.held_out) for scene in of_split(corpus, "validation")} == {1}


def test_the_wanted_share_of_every_kind_of_combination_is_held_out(corpus):
    shown = Counter(kind for scene in corpus.compositions for kind, *_ in combinations(scene.scene))
    every = {c for composition in corpus.compositions for c in combinations(composition.scene)}
    assert shown.keys() == {"thing", "colour", "pair", "count", "size", "pattern"}
    for kind in ("colour", "pair", "count", "size", "pattern"):
        all_of_kind = {combination for combination in every if combination[0] == kind}
        known = {c for c in all_of_kind if c[1] not in corpus.unseen}
        held = known & corpus.held_out
        assert abs(len(held) / len(known) - corpus.config.held_out) < 0.02, kind
    assert {c for c in corpus.held_out if c[0] == "thing"} == {("thing", name) for name in corpus.unseen}


def test_every_part_of_what_is_held_out_occurs_often_in_training(corpus):
    seen = Counter(combination for scene in of_split(corpus, "train") for combination in combinations(scene))
    parts = Counter((kind, part) for (kind, *parts), n in seen.items() for part in parts for _ in range(n))
    enough = 2 if corpus.config.things == 60 else 1
    for kind, *needed in corpus.held_out:
        for part in needed if kind != "thing" else ():
            assert parts[kind, part] >= enough, (kind, part)
    for name in corpus.things:
        assert seen["thing", name] >= (20 if corpus.config.things == 60 else 8)
        assert len({colour for kind, thing, colour in (c for c in seen if len(c) == 3) if (kind, thing) == (
            "colour", name)}) >= len(corpus.colours) / 2  # fmt: skip


def test_the_held_out_colours_are_spread_over_things_and_colours(corpus):
    held = [c for c in corpus.held_out if c[0] == "colour"]
    for place in (1, 2):
        counts = Counter(combination[place] for combination in held)
        assert max(counts.values()) - min(counts.values()) <= 3


def test_no_thing_is_drawn_on_a_ground_that_it_is_lost_on():
    corpus = corpus_of(CONFIGS[0])
    shown = {(scene.scene.things, scene.scene.colour) for scene in corpus.compositions}
    assert (("red apple",), "red") not in shown
    assert (("key",), "yellow") not in shown
    assert (("red apple",), "green") in shown


def test_every_scene_is_drawn_once(corpus):
    scenes = [composition.scene for composition in corpus.compositions]
    assert len(set(scenes)) == len(scenes)
    assert len({composition.name for composition in corpus.compositions}) == len(scenes)
    pairs = [scene.things for scene in scenes if scene.relation]
    assert len(set(pairs)) == corpus.config.pairs
    assert len(pairs) <= corpus.config.pairs * corpus.config.per_pair  # a pair may be seen on few colours alone


def test_captions_say_what_is_shown_and_pass_the_screening(corpus):
    things = (*corpus.things, *corpus.unseen)
    said = [(caption, c) for c in corpus.compositions for caption in c.captions]
    assert len(said) == len({(caption, c.number) for caption, c in said})
    assert len(said) == corpus.config.captions * len(corpus.compositions)
    for caption, composition in said:
        assert read(caption, things).agrees(composition.scene)
        assert len(caption.split()) >= MIN_WORDS
    texts = cleaned([caption for caption, _ in said])
    assert texts.to_pylist() == [caption for caption, _ in said]
    assert rejection_reasons(CaptionsConfig(), texts)[0].null_count == len(said)


def test_captions_of_held_out_pictures_say_what_is_held_out(corpus):
    things = (*corpus.things, *corpus.unseen)
    for composition in corpus.compositions:
        if composition.split == "validation":
            for caption in composition.captions:
                said = read(caption, things)
                assert said.colour == composition.scene.colour
                assert said.relation == composition.scene.relation
                assert said.pattern in (composition.scene.pattern, None if composition.scene.pattern == "plain" else "")


def test_no_caption_of_training_is_one_of_a_held_out_picture(corpus):
    said = {split: {caption for c in corpus.compositions if c.split == split for caption in c.captions}
            for split in ("train", "validation")}  # fmt: skip
    assert not said["train"] & said["validation"]


def test_the_first_caption_says_all_and_short_ones_are_among_the_others():
    corpus = corpus_of(CONFIGS[0])
    assert all(read(c.captions[0], (*corpus.things, *corpus.unseen)).colour for c in corpus.compositions)
    others = [read(caption, corpus.things) for c in corpus.compositions if c.split == "train" for caption in c.captions]
    assert 0.05 < sum(said.colour is None for said in others) / len(others) < 0.25
    assert {skill for said in others for skill in said.skills} == set(SKILLS)


def test_all_wordings_occur():
    corpus = corpus_of(CONFIGS[0])
    said = {caption for composition in corpus.compositions for caption in composition.captions}
    kinds = {
        caption.replace(composition.scene.things[0], "THING").replace(composition.scene.colour, "COLOUR")
        for composition in corpus.compositions
        if len(composition.scene.things) == 1
        for caption in captions(composition.scene)
        if caption in said
    }
    for words in ("a tiny THING", "a pair of THING", "COLOUR checks", "COLOUR with white dots", "COLOUR wall"):
        assert any(words in kind for kind in kinds), words
    relations = Counter(
        words
        for caption in said
        for words in ("right of", "on the right", "side by side", "next to", "below", "under", "over", "on top of")
        if f" {words} " in f"{caption} "
    )
    assert min(relations.values()) > 20
    assert len(relations) == 8
    assert len(SUBJECTS) == 32


def test_a_model_can_learn_the_names_of_things_from_the_training_captions_alone(corpus):
    said = [caption for c in corpus.compositions if c.split == "train" for caption in c.captions]
    assert things_in(said) == tuple(sorted(corpus.things))


def test_the_default_is_of_a_size_for_a_laptop_and_of_things_that_people_expect():
    corpus = corpus_of(CONFIGS[0])
    assert 2500 <= len(corpus.compositions) <= 3500
    assert 0.10 <= len(of_split(corpus, "validation")) / len(corpus.compositions) <= 0.125
    assert {"red apple", "cat", "rocket", "guitar"} <= set(corpus.things)
    assert len(corpus.unseen) == 6
    assert not set(corpus.unseen) & {thing for scene in of_split(corpus, "train") for thing in scene.things}


def test_another_seed_has_other_things_and_colours():
    first, second = corpus_of(CONFIGS[0]), corpus_of(CONFIGS[1])
    assert not set(first.things) & set(second.things)
    assert len(set(first.colours) & set(second.colours)) <= 2


def test_colours_can_be_named():
    corpus = Corpus(CompositionsConfig(**SMALL | {"colours": ("navy", "tan", "lime", "pink")}), ARCHIVE)
    assert {composition.scene.colour for composition in corpus.compositions} == {"navy", "tan", "lime", "pink"}


def test_the_same_config_gives_the_same_corpus():
    corpus, again = (Corpus(CompositionsConfig(**SMALL), ARCHIVE) for _ in range(2))
    assert corpus.compositions == again.compositions
    assert all(corpus.picture(c) == again.picture(c) for c in corpus.compositions[:20])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"things": len(THINGS)}, "fewer than"),
        ({"colours": ("red", "mauve", "blue", "green")}, "unknown colours mauve"),
        ({"colours": 3}, "between 4 and"),
        ({"colours": len(COLOURS) + 1}, "between 4 and"),
        ({"colours": ("red", "red", "red", "red")}, "between 4 and"),
        ({"held_out": 0.5}, "0.25"),
    ],
)
def test_a_corpus_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        CompositionsConfig(**fields)


def test_the_smallest_corpora_can_be_made():
    for share, seed in product((0.02, 0.25), range(3)):
        config = CompositionsConfig(
            seed=seed, things=4, unseen_things=0, colours=4, pairs=5, per_pattern=0, per_size=0, per_count=1,
            captions=1, held_out=share,
        )  # fmt: skip
        corpus = Corpus(config, ARCHIVE)
        assert not [scene for scene in of_split(corpus, "train") if combinations(scene) & corpus.held_out]
        assert of_split(corpus, "train")


def test_a_folder_holds_the_pictures_and_every_caption_with_its_split(tmp_path: Path):
    corpus = Corpus(CompositionsConfig(**SMALL), ARCHIVE)
    write_folder(corpus, tmp_path / "corpus")
    with (tmp_path / "corpus" / "metadata.csv").open() as file:
        rows = [(row["file_name"], row["caption"], row["split"]) for row in csv.DictReader(file)]
    wanted = [(f"images/{c.name}.jpg", caption, c.split) for c in corpus.compositions for caption in c.captions]
    assert rows == wanted
    first = np.asarray(Image.open(tmp_path / "corpus" / rows[0][0]))
    assert first.shape == (144, 144, 3)
    shard = crawl_folder(None, str(tmp_path / "corpus"))
    assert shard.tables["candidates"].num_rows == shard.rows_in == len(rows)
    with pytest.raises(ConfigError, match="already holds something"):
        write_folder(corpus, tmp_path / "corpus")
