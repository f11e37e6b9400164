"""A second CLIP enters the run as an artifact of its own."""

import pytest
from support.tiny_models import write_published_clip

from tasks.errors import ConfigError, SourceError
from tasks.train.scorer import Config, scorer


def test_the_second_model_counts_by_its_content_and_not_by_where_it_lies(settings, tmp_path):
    write_published_clip(tmp_path / "here")
    made = scorer(Config(pretrained=str(tmp_path / "here")), settings).artifact
    assert made.manifest().metrics["model"] == "here"
    (tmp_path / "here").rename(tmp_path / "there")
    assert scorer.artifact(Config(pretrained=str(tmp_path / "there")), settings) == made
    write_published_clip(tmp_path / "there", seed=1)
    assert scorer.artifact(Config(pretrained=str(tmp_path / "there")), settings) != made


def test_a_second_model_that_is_none_is_one_sentence(settings, tmp_path):
    with pytest.raises(SourceError, match=r"holds no published model .* in scorer\.pretrained\."):
        scorer.artifact(Config(pretrained=str(tmp_path)), settings)
    with pytest.raises(ConfigError, match=r"No CLIP is named in scorer\.pretrained"):
        scorer(Config(), settings)
