"""The stage that learns the text vocabulary."""

from support.tables import artifact

from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.bpe import Config, train_bpe


def test_the_paper_s_sizes_are_the_default() -> None:
    assert (Config().vocab_size, Config().text_length) == (16_384, 256)


def test_captions_that_are_too_long_are_counted(settings: Settings) -> None:
    captions = ["a red apple"] * 9 + ["zebra quartz jump vowels " * 3] * 3
    rows = [
        {"url": f"https://example.com/{i}", "caption": caption, "image": b"-"} for i, caption in enumerate(captions)
    ]
    packed = pack(PackConfig(val_fraction=0.01), settings, images=artifact("images", settings, rows)).artifact
    trained_on = packed.manifest().metrics["train_pairs"]
    made = train_bpe(Config(vocab_size=256, text_length=40), settings, pairs=packed).artifact.manifest()
    held_out = len(captions) - trained_on
    assert made.metrics["vocabulary"] == 256
    assert 3 - held_out <= made.metrics["captions_cut"] <= 3
    assert made.counts.rows_out == trained_on
