"""Which packed pairs the record of takedowns leaves out: read from the columns of addresses, once for each record."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.dedup.twins import kept_instead
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import StageConfig, stage
from tasks.takedown.left_out import REASON
from tasks.takedown.matching import Matcher
from tasks.takedown.takedowns import Takedown

ROWS_AT_ONCE = 65_536
IMAGES_AT_ONCE = 256

# A pair that is left out, and by which takedown.
TAKEN_DOWN = pa.schema(
    [pa.field("pair_id", pa.string(), nullable=False), pa.field("takedown", pa.string(), nullable=False)]
)


class Config(StageConfig):
    """What is left out of the pairs. It comes from the record of the root, not from the config of a run."""

    takedowns: tuple[Takedown, ...] = Field((), description="In the order in which they were recorded.")

    def needed(self, found: Artifact) -> "Config":
        """Without the takedowns that left out nothing in the artifact that this config made.

        A takedown that only matches what an earlier one leaves out is such a one too.
        """
        counted = found.manifest().metrics
        return Config(takedowns=tuple(each for each in self.takedowns if str(each) in counted))


@stage(Config, version=2, reads={"screened": {"images": schemas.IMAGES}, "unique": {"images": schemas.IMAGES}})
def match_takedowns(config: Config, output: Output, screened: Artifact, unique: Artifact) -> None:
    """Lists the pairs that have been taken down, a table for each shard of `unique` that holds some.

    What is taken down is a picture: a row matches by the address of its image or its page, by the domain of one of
    them, or by the bytes of its image, as it was served or is stored; and with it go all captions of the image, and the
    copy that dedup has kept in its place. Images are read only where there is a digest to compare with.

    Args:
        screened: what dedup read.
        unique: what it kept.

    Metrics: the pairs left out by each takedown.
    """
    matcher = Matcher(config.takedowns)
    compared = output.each(partial(matched_rows, matcher), screened.files("images"), "shards compared")
    matched = list(chain.from_iterable(compared))
    pairs, urls = _first((pair, number) for pair, _, number in matched), _first((url, n) for _, url, n in matched)
    twins = _first(chain.from_iterable(map_shards(partial(kept_for, pairs), unique.files("rejects"), output.settings)))
    kept = unique.files("images")
    if twins:
        urls = _first([*urls.items(), *chain.from_iterable(map_shards(partial(urls_of, twins), kept, output.settings))])
    output.map(partial(taken_down, config, urls), kept, "pairs taken down")


def matched_rows(matcher: Matcher, uri: str) -> list[tuple[str, str, int]]:
    """Pair id, address of the image and number of the takedown of each row of a shard that one matches."""
    columns = ["pair_id", *matcher.columns(schemas.IMAGES.names)]
    rows = IMAGES_AT_ONCE if matcher.needs_images else ROWS_AT_ONCE
    return [
        (batch["pair_id"][row].as_py(), batch["url"][row].as_py(), number)
        for batch in schemas.read_batches(uri, columns, rows)
        for row, number in matcher.matches(batch).items()
    ]


def kept_for(pairs: Mapping[str, int], uri: str) -> list[tuple[str, int]]:
    """Of a shard of dedup's rejects: the pair ids that were kept in place of the given ones, with their numbers."""
    found = []
    for batch in schemas.read_batches(uri, ["pair_id", "detail"], ROWS_AT_ONCE):
        rows = batch.filter(pc.is_in(batch["pair_id"], value_set=pa.array(list(pairs), pa.string()))).to_pylist()
        named = ((row["pair_id"], kept_instead(row["detail"])) for row in rows)
        found += [(twin, pairs[pair]) for pair, twin in named if twin is not None]
    return found


def urls_of(pairs: Mapping[str, int], uri: str) -> list[tuple[str, int]]:
    """Of a shard of images: the addresses of the images of the given pairs, with their numbers."""
    return [(url, pairs[pair]) for pair, url in _rows_with("pair_id", pairs, uri)]


def taken_down(config: Config, urls: Mapping[str, int], uri: str) -> Shard:
    """The pairs of a shard of images whose image has one of these addresses."""
    why = [(pair, str(config.takedowns[urls[url]])) for pair, url in _rows_with("url", urls, uri)]
    table = pa.table([[pair for pair, _ in why], [text for _, text in why]], schema=TAKEN_DOWN)
    counts: dict[str, float] = {}
    for _, text in why:
        counts[text] = counts.get(text, 0) + 1
    return Shard(table.num_rows, {REASON: table}, metrics=counts)


def _rows_with(column: str, values: Mapping[str, int], uri: str) -> list[tuple[str, str]]:
    """Pair id and address of the rows of a shard whose value in a column is one of those."""
    wanted = pa.array(list(values), pa.string())
    found: list[tuple[str, str]] = []
    for batch in schemas.read_batches(uri, ["pair_id", "url"], ROWS_AT_ONCE):
        rows = batch.filter(pc.is_in(batch[column], value_set=wanted))
        found += zip(rows["pair_id"].to_pylist(), rows["url"].to_pylist(), strict=True)
    return found


def _first(numbered: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The lowest number of each."""
    found: dict[str, int] = {}
    for name, number in numbered:
        found[name] = min(number, found.get(name, number))
    return found
