"""Which positions of held-out pairs the prior predicts badly, each time given all symbols before it."""

from math import log

from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.failures.detail import square
from tasks.evaluate.places import Sums
from tasks.evaluate.quantities import Baseline, Curve, Estimate, HeatMap, Line, Part
from tasks.evaluate.statistics import plain

NATS = "nats"
MIN_PAIRS = 10  # at a place: the mean of fewer says little


class Losses(Part):
    """Held-out pairs, each symbol predicted from the true ones before it. In nats: 0 is certainty, and 0.69 more is one
    guess between two.
    """

    image: Estimate = Field(title="of a code", description="Mean over the picture.")
    text: Estimate | None = Field(title="of a token of the caption")
    guessing: Baseline | None = Field(title="guessing every code equally")
    positions: Curve | None = Field(
        title="Text, token by token",
        description="Loss of the second token of a caption and of those after it, where captions have so many.",
    )
    rows: Curve | None = Field(
        title="Image, row by row", description="Mean loss of the codes of each row, from the top; with 95% interval."
    )
    places: HeatMap = Field(
        title="Image, code by code", description="Where in the picture the next code is hard to predict."
    )
    by_use: Curve | None = Field(
        title="Rare codes",
        description="Mean loss of codes by how often training has them, rare ones on the left: at 10 it is 512 to "
        "1,023 times. With 95% interval.",
    )


def measure(evidence: Evidence) -> Losses | None:
    """None for a generator that predicts no codes, and where no pair is held out."""
    places = evidence.places
    if places is None or places.image is None or places.rows is None:
        return None
    size, rebuilt = evidence.vocab_size, evidence.rebuilt
    text = [row["text_loss"] for row in rebuilt if row["text_loss"] is not None]
    return Losses(
        image=evidence.mean([row["image_loss"] for row in rebuilt], NATS),
        text=evidence.mean(text, NATS) if text else None,
        guessing=Baseline(value=plain(log(size)), unit=NATS) if size else None,
        positions=None if places.text is None else _curve(places.text, "position of the token", first=2),
        rows=_curve(places.rows, "row of codes, from the top", first=1),
        places=square(places.image, NATS),
        by_use=None if places.by_use is None else _curve(places.by_use, "uses of the code, power of 2", first=0),
    )


def _curve(sums: Sums, x_name: str, first: int) -> Curve | None:
    """Through the places that some pairs have, which are counted from `first`; None where there are not two."""
    known = [place for place, count in enumerate(sums.count) if count >= MIN_PAIRS]
    if len(known) < 2:
        return None
    points = [sums.estimate(place) for place in known]
    line = Line.of("held-out pairs", [place + first for place in known], points)
    return Curve(x_name=x_name, lines=(line,), unit=NATS, from_zero=True)
