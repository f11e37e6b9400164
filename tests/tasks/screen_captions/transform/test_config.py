"""How the transformation is switched on, what it needs, and what counts in the address of its result."""

import shutil

import pytest

from flows.changes import assigned
from flows.config import PipelineConfig
from tasks.errors import ConfigError
from tasks.screen_captions.config import Config
from tasks.screen_captions.transform.config import TransformConfig


def test_it_is_off_and_leaves_no_trace_unless_it_is_asked_for():
    config = Config()
    config.require()
    assert config.transform is None
    assert "transform" not in config.fingerprinted()
    assert config.outside_state() == ""


def test_it_is_switched_on_by_one_setting(small_wordnet):
    config = assigned(PipelineConfig(), [f"screen_captions.transform.wordnet={small_wordnet}"]).screen_captions
    assert config.transform == TransformConfig(wordnet=small_wordnet)
    config.require()
    assert assigned(PipelineConfig(), ["screen_captions.transform={}"]).screen_captions.transform == TransformConfig()


def test_wordnet_counts_by_its_content_and_not_by_where_it_lies(small_wordnet, tmp_path):
    copy = str(shutil.copytree(small_wordnet, tmp_path / "copy"))
    here, there = (Config(transform=TransformConfig(wordnet=folder)) for folder in (small_wordnet, copy))
    assert (here.fingerprinted(), here.outside_state()) == (there.fingerprinted(), there.outside_state())
    (tmp_path / "copy" / "noun.exc").write_text("mice mouse\n", "ascii")
    assert here.outside_state() != there.outside_state()


def test_a_missing_wordnet_is_said_before_the_run(tmp_path):
    with pytest.raises(ConfigError, match="apt install wordnet-base"):
        Config(transform=TransformConfig(wordnet=str(tmp_path / "nowhere"))).require()


def test_another_tagger_is_refused():
    with pytest.raises(ConfigError, match=r"screen_captions\.transform\.tagger"):
        assigned(PipelineConfig(), ["screen_captions.transform.tagger=nltk"])
