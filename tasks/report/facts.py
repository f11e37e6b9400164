"""What is known of a run, read from its artifacts; everything is optional but the manifests."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Manifest, lineage

DATA_STAGES = ("crawl", "screen_captions", "fetch", "screen_images", "dedup", "pack")
MODEL_STAGES = ("train_bpe", "train_dvae", "train_clip", "extract", "train_prior")
ORDER = (*DATA_STAGES, *MODEL_STAGES, "sample", "rerank", "evaluate")


@dataclass(frozen=True)
class Finished:
    """A finished stage: where it lies and what its manifest says."""

    artifact: Artifact
    manifest: Manifest

    def rows(self, kind: str) -> Iterator[dict[str, Any]]:
        """Rows of all shards of a kind, in their order."""
        for uri in self.artifact.files(kind):
            yield from schemas.read_table(uri).to_pylist()

    def count(self, kind: str) -> int:
        return sum(f.rows or 0 for f in self.manifest.outputs if f.path.startswith(f"{kind}-"))

    def has(self, path: str) -> bool:
        return any(record.path == path for record in self.manifest.outputs)


@dataclass(frozen=True)
class RunFacts:
    """The finished stages of a run by name, in the order they work."""

    stages: dict[str, Finished]

    def get(self, stage: str) -> Finished | None:
        return self.stages.get(stage)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """metrics.json of the evaluate stage."""
        done = self.get("evaluate")
        if done is None or not done.has("metrics.json"):
            return {}
        found: dict[str, Any] = finite(storage.read_json(done.artifact.file("metrics.json")))
        return found

    @cached_property
    def image_size(self) -> int | None:
        """Side of the images the models see, pixels."""
        done = self.get("train_dvae")
        if done is None or not done.has("config.json"):
            return None
        return int(storage.read_json(done.artifact.file("config.json"))["image_size"])

    def curves(self, stage: str) -> list[dict[str, float]]:
        """Logged steps of a training, oldest first, and its final validation; values that are no numbers are left out.

        The trainer logs `name` for a training batch and `val/name` for a validation; the manifest's metrics are the
        validation of the finished model.
        """
        done = self.get(stage)
        if done is None or not done.has("metrics.jsonl"):
            return []
        lines = storage.read_bytes(done.artifact.file("metrics.jsonl")).decode().splitlines()
        steps = [finite(json.loads(line)) for line in lines if line.strip()]
        final = {f"val/{name}": value for name, value in finite(done.manifest.metrics).items() if _is_number(value)}
        if steps and final:
            steps.append({"step": steps[-1]["step"] + 1} | final)
        return [{name: value for name, value in step.items() if value is not None} for step in steps]

    @property
    def seconds(self) -> float:
        """Time of all stages, added up: that of the run that did the work, where a stage was reused."""
        return sum(done.manifest.run.seconds for done in self.stages.values())

    @property
    def peak_memory_mb(self) -> float:
        return max((done.manifest.run.peak_memory_mb for done in self.stages.values()), default=0.0)

    def figures(self) -> dict[str, Any]:
        """Everything the page says in numbers; the content of report.json."""
        told = {
            "seconds": round(self.seconds, 2),
            "peak_memory_mb": self.peak_memory_mb,
            "stages": {name: _account(done) for name, done in self.stages.items()},
            "evaluation": self.evaluation,
            "curves": {name: curve for name in MODEL_STAGES if (curve := self.curves(name))},
        }
        figures: dict[str, Any] = finite(told)
        return figures


def gather(artifacts: Iterable[Artifact]) -> RunFacts:
    """The given artifacts and all they were made from; of two of one stage, the nearer to the end counts."""
    found: dict[str, Artifact] = {}
    for artifact in artifacts:
        for each in lineage(artifact):
            found.setdefault(each.stage, each)
    names = [name for name in ORDER if name in found] + sorted(found.keys() - set(ORDER))
    return RunFacts({name: Finished(found[name], found[name].manifest()) for name in names})


def finite(value: Any) -> Any:
    """The same with None for every number that is none: a page must never say "nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [finite(item) for item in value]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _account(done: Finished) -> dict[str, Any]:
    manifest = done.manifest.model_dump(mode="json", exclude={"outputs", "stage"})
    return manifest | {"bytes": sum(record.bytes for record in done.manifest.outputs)}
