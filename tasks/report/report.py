"""The report stage: index.html for people and report.json for programs, from the artifacts and nothing else."""

import json
from collections.abc import Sequence
from functools import partial

from pydantic import Field

from models.config import Frozen
from tasks.artifact import Artifact
from tasks.output import Output
from tasks.report.run import RunFacts, gather
from tasks.shards import map_shards
from tasks.stage import StageConfig, stage


class Targets(Frozen):
    """What the run was meant to reach; a figure without a target is shown alone."""

    hit_rate: float | None = Field(None, description="Share of training prompts whose best sample is the right image.")
    psnr_db: float | None = Field(None, description="Mean PSNR of held-out reconstructions.")
    codes_share: float | None = Field(None, description="Share of the code book in use.")
    minutes: float | None = Field(None, description="Time of all stages together, at most.")
    memory_gb: float | None = Field(None, description="Peak memory of any stage, at most.")


class Config(StageConfig):
    """How the page looks. Nothing here changes a measured figure."""

    title: str = Field("DALL·E, rebuilt", description="Heading of the page.")
    targets: Targets = Field(default_factory=Targets)
    best_pictures: int = Field(24, ge=0, description="Best samples in the grid at the top.")
    prompts_shown: int = Field(12, ge=1, description="Training and held-out prompts shown open; the others fold away.")
    prompts_at_most: int = Field(64, ge=1, description="Prompts of a group shown at all.")
    rejects_shown: int = Field(4, ge=0, description="Examples of each reason for a reject.")
    picture_px: int = Field(128, ge=16, description="Larger pictures are scaled down to this side on the page.")


@stage(Config, version=1)
def report(config: Config, output: Output, **artifacts: Artifact) -> None:
    """Writes the page about the run that the given artifacts are the end of.

    Any subset will do: the artifacts they were made from are found through their manifests. The page and the JSON hold
    times and memory, so they differ between two equal runs; nothing else in the pipeline does.
    """
    [(page, figures)] = map_shards(partial(build, config), [tuple(artifacts.values())], output.settings)
    output.write("index.html", page)
    output.write("report.json", figures)


def build(config: Config, artifacts: Sequence[Artifact]) -> tuple[bytes, bytes]:
    """The page and its figures. Runs in a Dask worker: hundreds of pictures are decoded for it."""
    from tasks.report.page import render

    facts: RunFacts = gather(artifacts)
    figures = json.dumps(facts.figures(), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    return render(config, facts).encode(), figures.encode()
