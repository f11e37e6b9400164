"""A spaCy model of the user's as the tagger."""

from importlib.metadata import PackageNotFoundError

import pytest

from tasks.errors import ConfigError
from tasks.screen_captions.transform import config as config_module
from tasks.screen_captions.transform.caption import transformed
from tasks.screen_captions.transform.config import TransformConfig

TAGS = {
    "a": "DT", "the": "DT", "in": "IN", "and": "CC", "dog": "NN", "sees": "VBZ", "Zorblax": "NNP", "Quuxville": "NNP",
    "Gnarf": "NNP",
}  # fmt: skip
ENTITIES = [("Zorblax", "PERSON"), ("Quuxville", "GPE"), ("Gnarf", "ORG")]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model that knows the words above by rules."""
    import spacy

    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    for word, tag in TAGS.items():
        ruler.add([[{"ORTH": word}]], {"TAG": tag})
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": word} for word, label in ENTITIES])
    folder = tmp_path_factory.mktemp("model") / "tiny"
    nlp.to_disk(folder)
    return str(folder)


def test_its_entities_tell_what_names_no_list_knows(model, small_wordnet):
    config = TransformConfig(wordnet=small_wordnet, tagger=f"spacy:{model}")
    config.require()
    captions = ["a dog sees Zorblax in Quuxville", "Zorblax and Zorblax in the Gnarf"]
    texts = [result.text for result in transformed(config, captions)]
    assert texts == ["a dog sees person", "people in the organization"]


def test_the_model_counts_by_what_it_is(model, small_wordnet):
    by_rules = TransformConfig(wordnet=small_wordnet, tagger=f"spacy:{model}")
    by_textblob = TransformConfig(wordnet=small_wordnet)
    assert by_rules.fingerprinted() == by_textblob.fingerprinted()
    assert by_rules.outside_state() != by_textblob.outside_state()


@pytest.mark.parametrize("name", ["xx_no_model", "/no/such/folder"])
def test_a_missing_model_is_one_sentence_before_the_run(small_wordnet, name):
    with pytest.raises(ConfigError, match=f"there is no spaCy model '{name}': install one, "):
        TransformConfig(wordnet=small_wordnet, tagger=f"spacy:{name}").require()


def test_a_missing_spacy_is_one_sentence_before_the_run(small_wordnet, monkeypatch):
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(config_module, "version", absent)
    with pytest.raises(ConfigError, match="needs spaCy: run `pip install -c constraints"):
        TransformConfig(wordnet=small_wordnet, tagger="spacy:en_core_web_sm").require()
