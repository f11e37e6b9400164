"""The flow of a comparison: all sides judged alike, and then compared prompt by prompt."""

from collections.abc import Sequence

from flows.run import Run
from tasks.compare.comparison import LETTERS
from tasks.compare.config import Config as CompareConfig
from tasks.compare.sides import Side, config_of, yardstick_of
from tasks.compare.stage import compare
from tasks.compare.take import PicturesConfig, ScoresConfig, take_pictures, take_scores
from tasks.engine.artifact import Artifact
from tasks.evaluate.judge import require_other_model
from tasks.evaluate.stage import evaluate
from tasks.rerank import Config as RerankConfig
from tasks.rerank import rerank


def comparison(run: Run, sides: Sequence[Side]) -> Artifact:
    """Judges all sides as the first run among them was judged, and compares the first side with each other one."""
    yardstick = yardstick_of(sides)
    evaluations = {letter.lower(): judged(run, side, yardstick) for letter, side in zip(LETTERS, sides, strict=False)}
    return run(compare, CompareConfig(names=tuple(side.name for side in sides)), **evaluations)


def judged(run: Run, side: Side, yardstick: Artifact) -> Artifact:
    """The evaluation of a side by the judges and the pairs of another; its own where that is by the same.

    The best of a run's samples are those of its own ranker. Pictures of a folder have none: the yardstick's ranks them.

    Raises:
        ModelMismatchError: the second model of the yardstick made or ranked the side's samples.
    """
    config, judges = config_of(yardstick), yardstick.inputs()
    own = side.evaluation.inputs() if side.evaluation else {}
    if side.evaluation and side.evaluation.root == yardstick.root:
        is_alike = all(own.get(name) == judges.get(name) for name in ("pairs", "scorer"))
        if is_alike and config_of(side.evaluation) == config:
            return run(evaluate, config, **own)
    if side.folder is not None:
        taken = PicturesConfig(path=str(side.folder.absolute()))
        samples = run(take_pictures, taken, prompts=judges["scores"])
        scores = run(rerank, RerankConfig(), samples=samples, ranker=judges["ranker"])
    else:
        scores = side.scores or own["scores"]
        if "scorer" in judges:
            require_other_model(judges["scorer"], scores)
        if scores.root != yardstick.root:
            scores = run(take_scores, ScoresConfig(uri=scores.uri))
    return run(evaluate, config, scores=scores, **{n: judges[n] for n in ("pairs", "ranker", "scorer") if n in judges})
