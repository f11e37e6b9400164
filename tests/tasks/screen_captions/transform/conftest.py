"""WordNets for the tests of the transformation: one of a few nouns, and the real one where it is installed."""

from pathlib import Path

import pytest
from support.small_wordnet import write_wordnet

from tasks.screen_captions.transform.config import TransformConfig

INSTALLED = Path("/usr/share/wordnet")


@pytest.fixture(scope="session")
def small_wordnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_wordnet(tmp_path_factory.mktemp("wordnet")))


@pytest.fixture(scope="session")
def real_wordnet() -> str:
    if not (INSTALLED / "data.noun").is_file():
        pytest.skip(f"no WordNet at {INSTALLED}: apt install wordnet-base")
    return str(INSTALLED)


@pytest.fixture(scope="session", params=["small", "real"])
def config(request: pytest.FixtureRequest) -> TransformConfig:
    """A configuration with either WordNet."""
    return TransformConfig(wordnet=request.getfixturevalue(f"{request.param}_wordnet"))
