"""The report stage: index.html and cards for people, report.json for programs, from the artifacts and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tasks.engine.artifact import Artifact
from tasks.engine.code import commit
from tasks.engine.output import Output
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage
from tasks.report.config import Config
from tasks.report.energy import estimate
from tasks.report.facts import RunFacts, gather
from tasks.report.figures import FIGURES, SCHEMA, schema_json
from tasks.report.provenance import Provenance
from tasks.study.figures import StudyFigures, read_results

COMMIT_DIGITS = 10


@stage(Config, version=6)
def report(config: Config, output: Output, **artifacts: Artifact) -> None:
    """Writes the page about the run that the given artifacts are the end of, and cards of its models and data.

    Any subset will do: the artifacts they were made from are found through their manifests. The page and the JSON hold
    times and memory, so they differ between two equal runs; nothing else in the pipeline does.
    """
    origin = Provenance(commit(COMMIT_DIGITS), output.settings.command)
    # Read here: a worker may not reach the file. Without the raters' names, which are nobody else's business.
    study = read_results(Path(config.study)).figures if config.study is not None else None
    work = partial(build, config, origin, study)
    [files] = map_shards(work, [tuple(artifacts.values())], output.settings)
    for name, content in files.items():
        output.write(name, content)
    output.write(SCHEMA, schema_json().encode())


def build(
    config: Config, origin: Provenance, study: StudyFigures | None, artifacts: Sequence[Artifact]
) -> dict[str, bytes]:
    """The page, its figures and the cards. Runs in a Dask worker: hundreds of pictures are decoded for it."""
    from tasks.report.cards.files import cards
    from tasks.report.page import render

    found = gather(artifacts, origin)
    facts: RunFacts = replace(found, study=study, energy=estimate(found.runs, config.energy))
    written = cards(config, facts)
    page = render(config, facts, tuple(written)).encode()
    return {"index.html": page, FIGURES: facts.figures().to_json().encode(), **written}
