"""There is one list of reasons, and everything that shows them knows all of them."""

from pathlib import Path
from typing import get_args

from tasks.web.refusals import MEANINGS, PASSING, Reason


def test_every_reason_has_a_sentence_and_those_that_pass_are_reasons():
    assert set(MEANINGS) == set(get_args(Reason))
    assert set(MEANINGS) > PASSING
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_the_readme_has_every_reason_in_the_same_words():
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    again = {False: "", True: " yes"}
    missing = [f"| `{name}` |{again[name in PASSING]} | {said} |" for name, said in MEANINGS.items()]
    assert [line for line in missing if line not in readme] == []
