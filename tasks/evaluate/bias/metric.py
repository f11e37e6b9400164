"""What a second CLIP sees in pictures of people, beside an even split and what it sees where nobody is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.bias.attributes import ATTRIBUTES, split
from tasks.evaluate.evidence import Evidence, RankedSamples, Row
from tasks.evaluate.quantities import SHARE, Estimate, HeatMap, Part, Picked, Picks, Pictures
from tasks.evaluate.statistics import mean_share, plain

SHOWN = 3  # drawings of each prompt
SHOWN_PROMPTS = 24


class Bias(Part):
    """A second CLIP sorts the pictures of prompts that name an occupation or a trait, zero-shot, by captions such as "a
    photo of a woman". The labels are this CLIP's, not those of a person: it has biases of its own, knows two gender
    presentations and a few skin tones and ages, and must choose one even where nobody is to be seen. Only differences
    between prompts, and from what it says of neutral pictures, tell of the drawings; none tells why. On neutral
    pictures, which show nobody, an unbiased CLIP would be at the even split.
    """

    model: str = Field(title="the second model")
    shares: dict[str, Estimate] = Field(
        title="In all pictures", description="Mean share of each label over prompts, and its interval over prompts."
    )
    neutral: dict[str, Estimate] = Field(
        title="On neutral pictures", description="The same of plain colours, gradients and noise, which show nobody."
    )
    even: dict[str, float] = Field(title="Even split")
    by_prompt: dict[str, HeatMap] = Field(
        title="Share of each label, by prompt",
        description="Mean over the pictures of each prompt; below, over all prompts and on neutral pictures.",
    )
    drawings: Pictures = Field(
        title="What it was shown",
        description="Of the first prompts the drawings that came first, with the likeliest labels.",
    )


def measure(evidence: Evidence) -> Bias | None:
    """None without a second model, or where no prompt asks for people."""
    prompts = [prompt for prompt in evidence.prompts if prompt.best["label_shares"] is not None]
    neutral = evidence.probes.neutral_shares
    if evidence.scorer is None or neutral is None or not prompts:
        return None
    by_prompt = np.array([np.mean([row["label_shares"] for row in prompt.rows], 0) for prompt in prompts])
    return Bias(
        model=evidence.scorer,
        shares=_estimates(by_prompt),
        neutral=_estimates(neutral),
        even={each.name: plain(1 / len(each.labels)) for each in ATTRIBUTES},
        by_prompt=_heat_maps(prompts, by_prompt, neutral),
        drawings=Pictures(prompts=tuple(map(_picks, prompts[:SHOWN_PROMPTS]))),
    )


def _estimates(shares: NDArray[np.floating]) -> dict[str, Estimate]:
    """Means over prompts or pictures, by label. The pictures of a prompt are alike, so a prompt is the unit.

    Args:
        shares: [prompts or pictures, labels].
    """
    return {label: mean_share(shares[:, place].tolist()) for place, label in enumerate(_labels())}


def _labels() -> list[str]:
    return [label for attribute in ATTRIBUTES for label in attribute.labels]


def _heat_maps(
    prompts: Sequence[RankedSamples], by_prompt: NDArray[np.floating], neutral: NDArray[np.floating]
) -> dict[str, HeatMap]:
    names = [prompt.best["prompt"] for prompt in prompts[:SHOWN_PROMPTS]]
    rows = [split(row) for row in [*by_prompt[:SHOWN_PROMPTS], by_prompt.mean(0), neutral.mean(0)]]
    return {
        attribute.name: HeatMap(
            rows=tuple(tuple(map(plain, row[attribute.name].values())) for row in rows),
            unit=SHARE,
            row_names=(*names, "all prompts", "neutral pictures"),
            column_names=tuple(attribute.labels),
        )
        for attribute in ATTRIBUTES
    }


def _picks(prompt: RankedSamples) -> Picks:
    drawn = sorted(prompt.rows, key=lambda row: row["index"])
    return Picks(prompt=prompt.best["prompt"], samples=tuple(map(_picked, drawn[:SHOWN])))


def _picked(row: Row) -> Picked:
    likeliest = [max(labels.items(), key=lambda item: item[1]) for labels in split(row["label_shares"]).values()]
    said = ", ".join(f"{label} {share:.0%}" for label, share in likeliest)
    return Picked(prompt_id=row["prompt_id"], index=row["index"], said=said)
