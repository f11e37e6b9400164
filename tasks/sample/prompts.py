"""What is drawn: a text with its place, and whether a text can be drawn at all."""

from dataclasses import dataclass

PAIR_GROUPS = ("fixed", "train", "val")  # groups of prompts of captions
PROBE_GROUPS = WORDS, PEOPLE = "words", "people"  # of probes
NO_SUITES = (*PAIR_GROUPS, *PROBE_GROUPS)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A caption to draw; `pair_id` names the pair it comes from, if it comes from one.

    Attributes:
        group: "fixed"; the split of the pair, "train" or "val"; or the name of a suite or a probe.
        category, challenge: what the suite says of it.
    """

    prompt_id: int
    text: str
    group: str
    pair_id: str | None = None
    category: str | None = None
    challenge: str | None = None


def prompt_fault(prompt: str) -> str | None:
    """What is wrong with a prompt, as the end of a sentence about it; None if it can be drawn."""
    if not prompt.strip():
        return "is empty"
    try:
        prompt.encode()
    except UnicodeEncodeError:
        return "is no valid UTF-8"
    return None
