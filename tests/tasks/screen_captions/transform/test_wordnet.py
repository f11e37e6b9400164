"""WordNet's nouns from their files."""

from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.screen_captions.transform.wordnet import WordNet, digest, require, wordnet


@pytest.fixture(params=["small", "real"])
def nouns(request: pytest.FixtureRequest) -> WordNet:
    return wordnet(request.getfixturevalue(f"{request.param}_wordnet"))


def test_a_single_thing_is_told_from_a_kind_of_things(nouns):
    assert nouns.is_kind("german_shepherd")
    assert not nouns.is_kind("los_angeles")
    assert not nouns.is_kind("no_such_noun")
    assert nouns.is_person("artist")
    assert not nouns.is_person("dog")


@pytest.mark.parametrize(
    ("name", "hypernym"),
    [("los_angeles", "city"), ("eiffel_tower", "tower"), ("france", "country"), ("tennessee", "state")],
)
def test_a_hypernym_has_no_name_in_it(nouns, name, hypernym):
    assert nouns.hypernym(nouns.first_sense(name)) == hypernym


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("dogs", "dog"),
        ("children", "child"),
        ("men", None),
        ("sculptures", "sculpture"),
        ("dog", "dog"),
        ("xyzs", None),
    ],
)
def test_plurals_are_found_by_their_singular(small_wordnet, plural, singular):
    assert wordnet(small_wordnet).singular(plural) == singular


def test_all_that_a_thing_is_a_kind_of_is_known(nouns):
    assert "structure" in nouns.ancestors(nouns.first_sense("eiffel_tower"))
    assert "structure" not in nouns.ancestors(nouns.first_sense("dog"))


def test_every_noun_of_the_real_one_can_be_read(real_wordnet):
    lines = (Path(real_wordnet) / "index.noun").read_text("ascii").splitlines()
    lemmas = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert len(lemmas) > 100_000
    for lemma in lemmas[::100]:
        sense = wordnet(real_wordnet).first_sense(lemma)
        assert lemma in {word.lower() for word in sense.words}


def test_a_missing_wordnet_is_one_sentence_with_the_remedy(tmp_path):
    with pytest.raises(
        ConfigError, match=r"has no index.noun of WordNet: install it, .*apt install wordnet-base"
    ) as said:
        require(str(tmp_path), "screen_captions.transform.wordnet")
    assert str(said.value).startswith("screen_captions.transform.wordnet: ")


def test_wordnets_are_told_apart_by_their_content(small_wordnet, real_wordnet):
    assert digest(small_wordnet) != digest(real_wordnet)
