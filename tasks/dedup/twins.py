"""How the reject of a duplicate names the pair that was kept in its place: in its detail."""

import re

_DETAIL = re.compile(r"same as ([0-9a-f]{16})(?:, cosine [01]\.\d+)?")  # the cosine where a CLIP found them alike


def same_as(pair: int) -> str:
    """The detail of a reject in whose place a pair was kept, which is given as the number that its id is."""
    return f"same as {pair:016x}"


def kept_instead(detail: str | None) -> str | None:
    """Id of the pair that the detail of a reject names; None if it names none."""
    named = _DETAIL.fullmatch(detail or "")
    return named[1] if named else None
