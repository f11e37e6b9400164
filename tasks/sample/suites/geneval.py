"""GenEval (Ghosh et al. 2023)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from tasks.errors import SourceError
from tasks.sample.suites.files import lines_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt


class GenEvalSuite(SuiteConfig):
    """evaluation_metadata.jsonl: 553 prompts in six categories, the tags.

    Which objects a drawing shows, against those under `include`, is for GenEval's own detector, which is not here.
    """

    kind: Literal["geneval"] = "geneval"

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """All its prompts, the tag as category."""
        for place, line in lines_of(Path(self.path)):
            yield place, _prompt(place, line)


def _prompt(place: str, line: str) -> SuitePrompt:
    try:
        found = json.loads(line)
        tag, prompt, objects = found["tag"], found["prompt"], found["include"]
        is_whole = isinstance(tag, str) and isinstance(prompt, str) and all(map(_is_object, objects))
    except (ValueError, KeyError, TypeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise SourceError(f"{place} is no JSON with a tag, a prompt and objects to include: take GenEval's own file.")
    return SuitePrompt(prompt.strip(), tag)


def _is_object(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("class"), str)
