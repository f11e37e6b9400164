"""What a person names to compare: a run, or a folder of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact, lineage
from tasks.errors import ConfigError, SourceError
from tasks.evaluate.config import Config
from tasks.evaluate.figures import METRICS

EVALUATION, SCORES = "evaluate", "rerank"  # stages
REMEDY = (
    "name the root of a run, such as runs, a finished artifact of report, evaluate or rerank, as `dalle lineage` lists "
    "them, or a folder of pictures"
)


@dataclass(frozen=True)
class Side:
    """One side of a comparison, which is one of three.

    Attributes:
        name: what the person called it.
        evaluation: of a run.
        scores: of a run that is not evaluated.
        folder: of pictures.
    """

    name: str
    evaluation: Artifact | None = None
    scores: Artifact | None = None
    folder: Path | None = None


def find_side(name: str) -> Side:
    """The side of that name; of a root, its newest evaluation.

    Raises:
        SourceError: it is no such thing.
    """
    uri = name.rstrip("/")
    if storage.exists(f"{uri}/{MANIFEST}"):
        return _of_artifact(name, uri)
    root = storage.absolute(uri)
    if found := _evaluations(root):
        return Side(name, evaluation=found[-1])
    if not Path(uri).is_dir():
        raise SourceError(f"There is no run and no folder {name}: {REMEDY}.")
    return Side(name, folder=Path(uri))


def yardstick_of(sides: Sequence[Side]) -> Artifact:
    """The evaluation of the first run: all sides are judged as it was.

    Raises:
        ConfigError: no side is an evaluated run, or it was evaluated without a ranker.
    """
    found = next((side.evaluation for side in sides if side.evaluation), None)
    if found is None:
        raise ConfigError(f"None of {', '.join(side.name for side in sides)} is an evaluated run: {REMEDY}.")
    if "ranker" not in found.manifest().inputs:
        raise ConfigError(f"{found.uri} is of an older version, without a ranker: run `dalle run` again.")
    return found


def config_of(evaluation: Artifact) -> Config:
    """How an evaluation judges.

    Raises:
        ConfigError: it was made by a version with other settings.
    """
    try:
        return Config.model_validate(evaluation.manifest().config)
    except ValueError as error:
        raise ConfigError(f"{evaluation.uri} is of another version: run `dalle run` again to evaluate anew.") from error


def _of_artifact(name: str, uri: str) -> Side:
    root, stage, fingerprint = storage.absolute(uri).rsplit("/", 2)
    made_from = {
        each.stage: each for each in reversed(list(lineage(Artifact(root=root, stage=stage, fingerprint=fingerprint))))
    }
    if EVALUATION in made_from:
        return Side(name, evaluation=made_from[EVALUATION])
    if SCORES not in made_from:
        raise SourceError(f"{name} has no samples: {REMEDY}.")
    scores = made_from[SCORES]
    own = [each for each in _evaluations(root) if each.manifest().inputs["scores"] == scores.address]
    return Side(name, evaluation=own[-1]) if own else Side(name, scores=scores)


def _evaluations(root: str) -> list[Artifact]:
    """The finished evaluations of runs under a root, oldest first; none of pictures that were taken from elsewhere."""
    named = [Artifact(root=root, stage=EVALUATION, fingerprint=each) for each in storage.names(f"{root}/{EVALUATION}")]
    finished = [each for each in named if storage.exists(each.file(MANIFEST)) and storage.exists(each.file(METRICS))]
    own = [
        each for each in finished if each.manifest().inputs["scores"].startswith(f"{SCORES}/") and not _is_taken(each)
    ]
    return sorted(own, key=lambda each: each.manifest().run.started)


def _is_taken(evaluation: Artifact) -> bool:
    samples = evaluation.inputs()["scores"].inputs().get("samples")
    return samples is not None and samples.stage == "take_pictures"
