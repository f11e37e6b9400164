"""Pictures for one prompt: best first, and the same as the sample stage draws for it."""

import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_generator, tiny_ranker

from tasks import pack, sample
from tasks.errors import ConfigError
from tasks.generate import generate, split_of_caption

CONFIG = sample.Config(prompts=("a red apple",), train_prompts=0, val_prompts=0, candidates=6)


def test_all_pictures_are_returned_best_first(settings):
    pictures = generate("a red apple", CONFIG, settings, tiny_generator(settings), tiny_ranker(settings))
    assert sorted(picture.index for picture in pictures) == list(range(6))
    assert [picture.score for picture in pictures] == sorted((p.score for p in pictures), reverse=True)
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures)


def test_a_picture_is_the_one_the_sample_stage_draws(settings):
    trained = tiny_generator(settings)
    pairs = pack.pack(pack.Config(), settings, images=artifact("images", settings, emoji_pairs(24))).artifact
    samples = sample.sample(CONFIG, settings, pairs=pairs, generator=trained).artifact
    drawn = {row["index"]: row["image"] for row in rows(samples, "samples")}
    pictures = generate("a red apple", CONFIG, settings, trained, tiny_ranker(settings))
    assert {picture.index: picture.png for picture in pictures} == drawn


def test_another_seed_gives_other_pictures(settings):
    models = (tiny_generator(settings), tiny_ranker(settings))
    first, second = (
        {p.png for p in generate("a frog", CONFIG.model_copy(update={"seed": seed}), settings, *models)}
        for seed in (0, 1)
    )
    assert not first & second


@pytest.mark.parametrize("prompt", ["", "  \n", "a \udcff cat"])
def test_a_prompt_that_is_empty_or_no_text_is_refused(settings, prompt):
    with pytest.raises(ConfigError, match="The prompt is"):
        generate(prompt, CONFIG, settings, tiny_generator(settings), tiny_ranker(settings))


def test_each_long_piece_of_work_is_told_before_it_begins(settings):
    told = []
    generate("a frog", CONFIG, settings, tiny_generator(settings), tiny_ranker(settings), told.append)
    assert told == ["Loading the models", "Drawing 6 candidates", "Ranking them"]


def test_a_caption_of_a_packed_pair_is_recognised_with_its_split(settings):
    pairs = pack.pack(pack.Config(), settings, images=artifact("images", settings, emoji_pairs(24))).artifact
    for split in ("train", "val"):
        caption = rows(pairs, split)[0]["caption"]
        assert split_of_caption(f" {caption.upper()} ", pairs) == split
    assert split_of_caption("a picture nobody has a caption for", pairs) is None
