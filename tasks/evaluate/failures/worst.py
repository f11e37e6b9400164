"""Which prompts, and which parts and words of them, are drawn wrong most often."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np
from pydantic import Field

from tasks.compositions.scene import SKILLS
from tasks.evaluate.compositions.metric import SkillRates
from tasks.evaluate.evidence import Evidence, RankedSamples, is_right
from tasks.evaluate.quantities import Estimate, Part, Picked, Picks, Pictures
from tasks.evaluate.statistics import proportion_of_groups

SHOWN = 8  # prompts of each kind
WORDS = 8
MIN_PROMPTS = 5  # with a word, for its share to be told


class Worst(Part):
    """Over all drawings of captions from training and held-out ones, none of them chosen. The pictures are the first
    drawn ones of the prompts that a rule puts last.
    """

    failed: SkillRates | None = Field(
        title="What wrong drawings get wrong",
        description="Of the wrong drawings of captions that name a part: the share that has it wrong. A drawing can be "
        "wrong in several parts.",
    )
    by_word: dict[str, Estimate] = Field(
        title="Right drawings, by word: the lowest",
        description=f"Of captions with a word that at least {MIN_PROMPTS} prompts have. The lowest of many shares look "
        "lower than they are.",
    )
    fewest_right: Pictures | None = Field(
        title="Fewest right drawings",
        description="The prompts with the smallest share of right drawings; of equals, those that the ranker scores "
        "lowest. Under each, the first drawn.",
    )
    lowest_by_scorer: Pictures | None = Field(
        title="Lowest by the second model", description="By its mean score over all drawings of a prompt; first drawn."
    )
    lowest_by_ranker: Pictures | None = Field(
        title="Lowest by the ranker",
        description="By its score of the best drawing of a prompt: nothing better was to be had. Shown is the first "
        "drawn.",
    )


def measure(evidence: Evidence) -> Worst | None:
    """None without samples."""
    if not evidence.prompts:
        return None
    told = [prompt for prompt in evidence.prompts if prompt.right]
    wrong = [prompt for prompt in told if not all(prompt.right)]
    scored = [prompt for prompt in evidence.prompts if isfinite(prompt.best["score"])]
    by_scorer = [prompt for prompt in evidence.prompts if prompt.best["scorer_score"] is not None]
    return Worst(
        failed=_failed(wrong),
        by_word=_by_word(told),
        fewest_right=_pictures(wrong, lambda prompt: (float(np.mean(prompt.right)), prompt.best["score"])),
        lowest_by_scorer=_pictures(by_scorer, lambda prompt: np.mean([row["scorer_score"] for row in prompt.rows])),
        lowest_by_ranker=_pictures(scored, lambda prompt: prompt.best["score"]),
    )


def _failed(prompts: Sequence[RankedSamples]) -> SkillRates | None:
    """Where the judge of compositions told what is wrong."""
    shares = {}
    for skill in SKILLS:
        asked = [prompt for prompt in prompts if skill in (prompt.best.get("asked") or ())]
        groups = [[skill in row["wrong"] for row in prompt.rows if row["wrong"]] for prompt in asked]
        if groups:
            shares[skill.replace(" ", "_")] = proportion_of_groups(groups)
    return SkillRates(**shares) if shares else None


def _by_word(prompts: Sequence[RankedSamples]) -> dict[str, Estimate]:
    """The words with the smallest shares of right drawings, the smallest first."""
    with_word: dict[str, list[list[bool]]] = defaultdict(list)
    for prompt in prompts:
        for word in set(re.findall(r"\w+", prompt.best["prompt"].casefold())):
            with_word[word].append(prompt.right)
    shares = {word: proportion_of_groups(own) for word, own in with_word.items() if len(own) >= MIN_PROMPTS}
    lowest = sorted(shares.items(), key=lambda item: (item[1].value, item[0]))[:WORDS]
    return {word: share for word, share in lowest if share.value < 1}


def _pictures(prompts: Sequence[RankedSamples], key: Callable[[RankedSamples], object]) -> Pictures | None:
    lowest = sorted(prompts, key=lambda prompt: (key(prompt), prompt.best["prompt_id"]))[:SHOWN]
    return Pictures(prompts=tuple(_picks(prompt) for prompt in lowest)) if lowest else None


def _picks(prompt: RankedSamples) -> Picks:
    first, right = prompt.first, prompt.right
    wrong = first.get("wrong")
    shown = Picked(
        prompt_id=first["prompt_id"],
        index=first["index"],
        said=f"wrong: {', '.join(wrong)}" if wrong else "",
        is_right=is_right(first),
    )
    said = f"{sum(right)} of {len(right)} right" if right else ""
    return Picks(prompt=first["prompt"], samples=(shown,), said=said)
