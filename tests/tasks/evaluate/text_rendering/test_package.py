"""Without its package the OCR is refused before anything runs; with it, its version is part of the address."""

import pytest

from tasks.errors import ConfigError
from tasks.evaluate.config import Config
from tasks.evaluate.text_rendering import package


def test_without_an_ocr_nothing_of_it_is_needed(monkeypatch):
    monkeypatch.setattr(package, "PACKAGES", ("rapidocr-that-is-not-there",))
    Config().require()
    assert "rapidocr" not in Config().outside_state()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(package, "PACKAGES", ("rapidocr-that-is-not-there",))
    with pytest.raises(ConfigError, match=r"evaluate\.ocr needs the package rapidocr-that-is-not-there"):
        Config(ocr="rapidocr").require()


def test_the_version_counts():
    pytest.importorskip("rapidocr", reason="pip install -c constraints.txt -e '.[ocr]'")
    assert Config(ocr="rapidocr").outside_state().removeprefix(Config().outside_state()).startswith(", rapidocr==3")
