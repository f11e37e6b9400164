"""The split that a source states for an image: which names count, and what holds where statements differ."""

import re
from collections.abc import Iterable

TRAIN, VALIDATION = "train", "validation"
# Hugging Face's names of splits, and two more. There is one held-out set here, so a test set is part of it.
NAMES = dict.fromkeys(("train", "training"), TRAIN) | dict.fromkeys(
    ("validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation", "heldout", "holdout"), VALIDATION
)


def split_named(name: str) -> str | None:
    """`train` or `validation`, whichever the name stands for, or None. Case, spaces and hyphens do not count."""
    return NAMES.get(re.sub(r"[\s_-]", "", name[:100]).lower())


def split_of(stated: Iterable[str | None]) -> str | None:
    """The split of an image of which all of this is stated: held out as soon as anything holds it out."""
    said = set(stated)
    return next((split for split in (VALIDATION, TRAIN) if split in said), None)
