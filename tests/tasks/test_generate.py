"""Pictures for one prompt: best first, and the same as the sample stage draws for it."""

from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_generator, tiny_ranker

from tasks import pack, sample
from tasks.generate import generate

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
