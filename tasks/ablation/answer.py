"""The sentences that answer the question, derived from intervals and not from points."""

from collections.abc import Mapping

from tasks.ablation.figures import GainPerDoubling, Mattered, MeasureAnswer
from tasks.evaluate.quantities import Estimate
from tasks.report import words

LEADS: dict[Mattered, str] = {
    "data": "data mattered more",
    "model": "the model mattered more",
    "cannot be told": "it cannot be told which mattered more",
}
# The measures that the whole answer names, with how it calls them: the loss first, since it is the least noisy.
DECIDING = {"image_loss": "the held-out loss of image tokens", "right_held_out": "right drawings of held-out captions"}


def answered(gain: GainPerDoubling) -> MeasureAnswer:
    """What a measure says: one of the two mattered more if it gained more, and gained at all, by both intervals."""
    mattered: Mattered = "cannot be told"
    if all(each.low == each.high == 0 for each in (gain.data, gain.model)):
        lead = LEADS[mattered].capitalize()
        return MeasureAnswer(mattered=mattered, sentence=f"{lead}: no run differs from another.")
    if gain.difference.low > 0 and gain.data.low > 0:
        mattered = "data"
    elif gain.difference.high < 0 and gain.model.low > 0:
        mattered = "model"
    why = ""
    if mattered == "cannot be told":
        holds_zero = gain.difference.low <= 0 <= gain.difference.high
        why = ", which may be none" if holds_zero else ", but what gained more may have gained nothing"
    return MeasureAnswer(
        mattered=mattered,
        sentence=f"{LEADS[mattered].capitalize()}: twice the images gained {_with_interval(gain.data)}, twice the "
        f"parameters {_with_interval(gain.model)}; the difference is {_with_interval(gain.difference)}{why}.",
    )


def whole_answer(answers: Mapping[str, MeasureAnswer]) -> str:
    """One sentence over the deciding measures, with the name of each where they disagree."""
    told = [(called, answers[name].mattered) for name, called in DECIDING.items() if name in answers]
    if len({mattered for _, mattered in told}) == 1:
        return f"Doubling for doubling {LEADS[told[0][1]]}, by {' and by '.join(called for called, _ in told)}."
    said = "; by ".join(f"{called} {LEADS[mattered]}" for called, mattered in told)
    return f"Doubling for doubling: by {said}."


def _with_interval(estimate: Estimate) -> str:
    """`0.051 nats (0.042 to 0.06)`."""
    bounds = f"{words.number(estimate.low)} to {words.number(estimate.high)}"
    return f"{words.quantity(estimate.value, estimate.unit)} ({bounds})"
