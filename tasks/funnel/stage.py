"""The funnel stage: the account of the data part, gathered from the shards of every stage behind the packed pairs."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pyarrow as pa

from tasks import schemas
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.output import Output
from tasks.engine.row_groups import table_bytes
from tasks.engine.shards import batches, map_shards
from tasks.engine.stage import stage
from tasks.funnel import lists
from tasks.funnel.config import Config
from tasks.funnel.examples import EXAMPLES, Shown, chosen, duplicate_pairs, rows
from tasks.funnel.figures import FIGURES, Funnel
from tasks.funnel.pictures import Place, SmallPicture, read_pictures, wanted_of
from tasks.funnel.tally import REJECTS, ShardPlace, StageTally, tally_shards
from tasks.settings import Settings
from tasks.takedown.hidden import TakenDown
from tasks.takedown.stage import match_takedowns

MOST_BATCHES = 64  # of shards; each gives one tally, so the memory of them all does not grow with the shards


@stage(
    Config,
    version=2,
    reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}},
    headline=("found", "packed"),
)
def funnel(config: Config, output: Output, pairs: Artifact) -> None:
    """Tells what became of every row: counts by stage and reason, hosts, licences, sizes, duplicates, examples.

    A stage of its own, so that it is done once for a data set, as soon as that is packed, and the report, which is
    written often, reads no shard of the data part. Writes `funnel.json`, a `Funnel`, and the examples, a table of
    `EXAMPLES`; what was taken down is counted, and is not among them.

    Metrics: rows found by the first stage, and packed pairs.
    """
    behind = {artifact.stage: artifact for artifact in reversed(list(lineage(pairs)))}
    hidden = TakenDown.by(behind.pop(match_takedowns.name)) if match_takedowns.name in behind else None
    manifests = {name: artifact.manifest() for name, artifact in behind.items()}
    places = [
        ShardPlace(name, record.path.split("-")[0], behind[name].file(record.path))
        for name, manifest in manifests.items()
        for record in manifest.outputs
        if record.path.endswith(".parquet")
    ]
    parts = output.each(partial(tally_shards, config), batches(places, MOST_BATCHES), "batches of shards")
    tallies = {name: _merged(config, [part[name] for part in parts if name in part]) for name in manifests}
    steps = lists.steps(manifests.values())
    found = chosen(tallies, {step.stage: [each.reason for each in step.refused] for step in steps})
    shown = [each for each in found if hidden is None or not hidden.hides(asdict(each.example))]
    examples = _with_pictures(config, shown, places, output.settings)
    figures = Funnel(
        steps=steps,
        hosts=lists.hosts(tallies, config.top),
        domains=lists.domains(tallies, config.top),
        licences=lists.licences(tallies, config.top),
        languages=lists.languages(tallies, config.top),
        duplicates=tuple(duplicate_pairs(examples)),
        distributions=lists.distributions(tallies),
        missed=max((tally.missed for tally in tallies.values()), default=0),
    )
    output.metrics |= {"found": steps[0].rows_in, "packed": steps[-1].rows_kept} if steps else {}
    output.write(FIGURES, (figures.model_dump_json(indent=2) + "\n").encode())
    table = pa.Table.from_pylist(examples, EXAMPLES)
    output.write("examples-00000.parquet", table_bytes(table), table.num_rows)


def _merged(config: Config, parts: Sequence[StageTally]) -> StageTally:
    whole = StageTally.empty(config)
    for part in parts:
        whole.merge(part)
    return whole


def _with_pictures(config: Config, shown: Sequence[Shown], places: Sequence[ShardPlace], settings: Settings) -> list:
    """Rows of `EXAMPLES`."""
    twins = {(each.stage, each.kept_pair_id) for each in shown if each.kept_pair_id}
    stage_of = {place.uri: place.stage for place in places if place.kind != REJECTS}
    among = [(uri, pair_id) for uri, name in stage_of.items() for stage, pair_id in twins if stage == name]
    own = [(each.example.uri, each.example.pair_id) for each in shown]
    wanted = batches(wanted_of([*own, *among]), MOST_BATCHES)
    found: dict[Place, SmallPicture] = {}
    for part in map_shards(partial(read_pictures, config.picture_px), wanted, settings):
        found |= part
    kept = {(stage_of[uri], pair_id): picture for (uri, pair_id), picture in found.items() if uri in stage_of}
    return rows(shown, found, kept)
