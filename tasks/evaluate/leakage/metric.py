"""How many of the pictures that models are judged on were in their training set, before dedup and after it."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.leakage.copies import WORDS, Kind
from tasks.evaluate.leakage.dropped import FILE_TWICE, NEAR_COPY, Dropped, held_out_before
from tasks.evaluate.leakage.leaks import Answer
from tasks.evaluate.leakage.shown import kept_out, pictures, still_in
from tasks.evaluate.quantities import Estimate, Part, Pictures, Question
from tasks.evaluate.statistics import proportion, proportion_of_groups


class WouldHaveLeaked(Part):
    """Pictures that would have been judged on and trained on, had no duplicates been dropped. Pictures that are copies
    of each other are alike: the intervals are over groups of them.
    """

    held_out: Estimate = Field(title="held-out pictures")
    evaluation_set: Estimate | None = Field(title="pictures of the evaluation set")
    same_file: int = Field(title="held-out pictures by the same file")
    near_copy: int = Field(title="held-out pictures by a nearly equal one")


class Copied(Part):
    """Share that has a copy among the training pictures, by how the copy differs; each counts once, by its nearest."""

    any: Estimate = Field(title="in any way")
    same_file: Estimate = Field(title=WORDS[Kind.SAME_FILE])
    same_picture: Estimate = Field(title=WORDS[Kind.SAME_PICTURE])
    changed: Estimate = Field(title=WORDS[Kind.CHANGED])
    cropped: Estimate = Field(title=WORDS[Kind.CROPPED])
    mirrored: Estimate = Field(title=WORDS[Kind.MIRRORED])
    copied: int = Field(title="pictures with a copy in training")


class SameCaptions(Part):
    """Captions of training count without regard to case. A caption that both have is no leak of a picture, but what is
    drawn for it was learned for it.
    """

    held_out: Estimate = Field(title="held-out captions")
    prompts: Estimate | None = Field(title="prompts that are no captions of the data")


class Search(Part):
    """How much the search finds, tried on pictures of this run."""

    found: dict[str, Estimate] = Field(title="Copies made of held-out pictures that the search finds, by what was done")
    false_alarms: Estimate | None = Field(
        title="false alarms",
        description="Of held-out pictures turned upside down, which have no copies.",
    )


class Leakage(Part):
    """What is judged on must not be in training. A search wider than that of the duplicates looks for each held-out
    picture among all training pictures: whole, mirrored, and with up to a tenth of either cut off at every edge.
    """

    question = Question.TRUST

    before: WouldHaveLeaked | None = Field(title="Had no duplicates been dropped")
    held_out: Copied = Field(title="Held-out pictures that are in training too")
    evaluation_set: Copied | None = Field(title="Pictures of the evaluation set that are in training too")
    evaluation_set_note: str | None = Field(title="Evaluation set")
    captions: SameCaptions = Field(title="Captions that are in training too")
    search: Search = Field(title="What the search finds")
    dropped: Pictures | None = Field(
        title="Kept out of training by dropping duplicates",
        description="Above what is judged on, below its copy, in the order of their ids.",
    )
    leaked: Pictures | None = Field(
        title="Still in training", description="Above what is judged on, below its copy in training; the nearest first."
    )


def measure(evidence: Evidence) -> Leakage | None:
    """None where nothing is held out."""
    leaks = evidence.leaks
    if leaks is None:
        return None
    return Leakage(
        before=_before(leaks.dropped, leaks.urls) if leaks.dropped else None,
        held_out=_copied(leaks.held_out),
        evaluation_set=_copied(leaks.evaluation) if leaks.evaluation else None,
        evaluation_set_note=leaks.why_no_evaluation or None,
        captions=SameCaptions(
            held_out=proportion(leaks.captions), prompts=proportion(leaks.prompts) if leaks.prompts else None
        ),
        search=Search(
            found={name: proportion(each) for name, each in leaks.tried.items()},
            false_alarms=proportion(leaks.turned) if leaks.turned else None,
        ),
        dropped=pictures(kept_out(leaks)),
        leaked=pictures(still_in(leaks)),
    )


def _before(dropped: Dropped, urls: Sequence[str]) -> WouldHaveLeaked:
    reasons = Counter(
        group.reason for group in dropped.groups.values() if group.leaks for _ in range(len(group.held_out))
    )
    images, matched = dropped.evaluation_images, len(dropped.matched)
    return WouldHaveLeaked(
        held_out=proportion_of_groups(held_out_before(dropped, urls)),
        evaluation_set=proportion([True] * matched + [False] * (images - matched)) if images else None,
        same_file=reasons[FILE_TWICE],
        near_copy=reasons[NEAR_COPY],
    )


def _copied(answers: Sequence[Answer]) -> Copied:
    kinds = [match.kind if match is not None else None for _, match in answers]
    return Copied(
        any=proportion([kind is not None for kind in kinds]),
        copied=sum(kind is not None for kind in kinds),
        **{kind.name.lower(): proportion([each is kind for each in kinds]) for kind in Kind},
    )
