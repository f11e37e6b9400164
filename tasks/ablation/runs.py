"""What is known of every run of a grid, read from the artifacts behind its evaluation."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from models.files import CONFIG
from models.planning.operations import model_flops
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig
from tasks import schemas
from tasks.ablation.config import Cell
from tasks.engine.artifact import Artifact, Manifest, lineage
from tasks.errors import ModelMismatchError
from tasks.train.prior import train_prior

COLUMNS = ("prompt", "group", "is_hit", "wrong", "score")
Group = Literal["train", "val"]
ByPrompt = Mapping[str, float]


@dataclass(frozen=True)
class PriorRun:
    """One trained prior and what was measured of its drawings.

    Attributes:
        manifest: of the training.
        images: training encodings that it read, one for each caption.
        right: by group of prompts and prompt, the share of its drawings that are right.
        scores: of held-out prompts, the mean of the ranker's scores of all drawings.
    """

    cell: Cell
    manifest: Manifest
    layout: PriorModelConfig
    images: int
    right: Mapping[Group, ByPrompt]
    scores: ByPrompt

    @property
    def parameters(self) -> int:
        """Of the whole prior."""
        return sum(weight.size for weight in prior_weights(self.layout))

    @property
    def examples(self) -> int:
        """Encodings that it was trained on, each as often as it was read."""
        training = self.manifest.config["training"]
        return int(training["steps"] * training["batch_size"])

    @property
    def tokens(self) -> int:
        """Text and image positions it was trained on."""
        return self.examples * self.layout.length

    @property
    def flops(self) -> float:
        """Operations of its training."""
        return float(self.examples) * model_flops(self.layout)

    def loss(self, name: Literal["image", "text"]) -> ByPrompt:
        """Nats a token of held-out pairs; of no prompt alone."""
        metrics = self.manifest.metrics
        return {"": metrics[name]} if name in metrics else {}


def read_run(cell: Cell, figures: Artifact) -> PriorRun:
    """The run behind an evaluation.

    Raises:
        ModelMismatchError: what was evaluated was not drawn by a prior that was trained here.
    """
    prior = next((artifact for artifact in lineage(figures) if artifact.stage == train_prior.name), None)
    if prior is None:
        raise ModelMismatchError(
            f"{figures.address} was not made by a prior of this root: an ablation compares priors."
        )
    tokens = prior.inputs()["tokens"].manifest()
    right, scores = _judged(figures)
    return PriorRun(
        cell=cell,
        manifest=prior.manifest(),
        layout=PriorModelConfig.model_validate_json(prior.read(CONFIG)),
        images=sum(record.rows or 0 for record in tokens.outputs if record.path.startswith("train-")),
        right=right,
        scores=scores,
    )


def _judged(figures: Artifact) -> tuple[dict[Group, ByPrompt], ByPrompt]:
    right: dict[Group, dict[str, list[float]]] = {"train": defaultdict(list), "val": defaultdict(list)}
    scores: dict[str, list[float]] = defaultdict(list)
    rows = [row for uri in figures.files("judged") for row in schemas.read_table(uri, list(COLUMNS)).to_pylist()]
    for row in rows:
        if (group := row["group"]) not in right:  # the fixed prompts, which have no right picture
            continue
        if (is_right := row["is_hit"] if row["wrong"] is None else not row["wrong"]) is not None:
            right[group][row["prompt"]].append(float(is_right))
        if group == "val" and isfinite(row["score"]):
            scores[row["prompt"]].append(row["score"])
    return {group: _means(found) for group, found in right.items()}, _means(scores)


def _means(values: Mapping[str, Sequence[float]]) -> ByPrompt:
    return {prompt: float(np.mean(each)) for prompt, each in values.items()}
