"""The page about a whole run in the Prefect UI: all its stages, and the figures at the top of the report."""

from collections.abc import Iterator

from flows.pages.markdown import link, table
from flows.wording import figure, numbers
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.meter import duration


def run_page(report: Artifact) -> str:
    """A table of all stages behind a report: rows in, out and rejected, time, and the first metrics."""
    manifests = [artifact.manifest() for artifact in lineage(report)]
    rows = [
        (
            f"`{manifest.stage}`",
            *(f"{n:,}" if manifest.counts.rows_in else "" for n in manifest.counts.totals),
            duration(manifest.run.seconds),
            ", ".join(f"{name} {figure(value)}" for name, value in list(numbers(manifest.metrics).items())[:4]),
        )
        for manifest in sorted(manifests, key=lambda manifest: manifest.run.started)
    ]
    work = duration(sum(manifest.run.seconds for manifest in manifests))
    head = f"# The run\n\nReport: {link(report.file('index.html'))}\n\nAll stages together took {work} to make."
    stages = table(("stage", "in", "out", "rejected", "time", "figures"), rows)
    return "\n\n".join((head, *_tiles(report), stages))


def _tiles(report: Artifact) -> Iterator[str]:
    """The figures at the top of the report."""
    from tasks.report.config import Targets
    from tasks.report.facts import gather
    from tasks.report.headlines import headlines

    tiles = headlines(gather([report]), Targets.model_validate(report.manifest().config.get("targets", {})))
    if tiles:
        rows = [(tile.label, f"**{tile.value}**", tile.target, f"{tile.beside}. {tile.explanation}") for tile in tiles]
        yield table(("figure", "value", "target", ""), rows)
