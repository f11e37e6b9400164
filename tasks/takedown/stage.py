"""Which packed pairs the record of takedowns leaves out: read from the columns of addresses, once for each record."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from itertools import chain
from typing import TypeVar

import pyarrow as pa
from pydantic import Field

from tasks import schemas
from tasks.dedup.twins import kept_instead
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import StageConfig, stage
from tasks.takedown.left_out import REASON
from tasks.takedown.matching import Matcher
from tasks.takedown.takedowns import Takedown

Found = TypeVar("Found")

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
    look = partial(looked_up, kept_for, _handed_on(output, "pairs", pairs))
    twins = _first(chain.from_iterable(map_shards(look, unique.files("rejects"), output.settings)))
    kept = unique.files("images")
    if twins:
        look = partial(looked_up, urls_of, _handed_on(output, "twins", twins))
        urls = _first([*urls.items(), *chain.from_iterable(map_shards(look, kept, output.settings))])
    named = partial(looked_up, partial(taken_down, config), _handed_on(output, "urls", urls))
    output.map(named, kept, "pairs taken down", numbers_at.cache_clear)
    output.remove_exchange()


def matched_rows(matcher: Matcher, uri: str) -> list[tuple[str, str, int]]:
    """Pair id, address of the image and number of the takedown of each row of a shard that one matches."""
    columns = ["pair_id", *matcher.columns(schemas.IMAGES.names)]
    rows = IMAGES_AT_ONCE if matcher.needs_images else ROWS_AT_ONCE
    return [
        (batch["pair_id"][row].as_py(), batch["url"][row].as_py(), number)
        for batch in schemas.read_batches(uri, columns, rows)
        for row, number in matcher.matches(batch).items()
    ]


def _handed_on(output: Output, name: str, numbers: Mapping[str, int]) -> str:
    """URL of the numbers, for tasks to read them: not handed to each task, since they may be many."""
    uri = f"{output.exchange}/{name}.json"
    storage.write_json(uri, numbers)
    return uri


@lru_cache(maxsize=1)
def numbers_at(uri: str) -> dict[str, int]:
    """Numbers of takedowns that were handed on; kept for the next shard."""
    found: dict[str, int] = storage.read_json(uri)
    return found


def looked_up(look: Callable[[Mapping[str, int], str], Found], numbers: str, uri: str) -> Found:
    """What is found in a shard with the numbers that were handed on. Runs in a Dask worker."""
    return look(numbers_at(numbers), uri)


def kept_for(pairs: Mapping[str, int], uri: str) -> list[tuple[str, int]]:
    """Of a shard of dedup's rejects: the pair ids that were kept in place of the given ones, with their numbers."""
    rows = _rows_with("pair_id", pairs, "detail", uri)
    named = ((kept_instead(detail), number) for detail, number in rows)
    return [(twin, number) for twin, number in named if twin is not None]


def urls_of(pairs: Mapping[str, int], uri: str) -> list[tuple[str, int]]:
    """Of a shard of images: the addresses of the images of the given pairs, with their numbers."""
    return _rows_with("pair_id", pairs, "url", uri)


def taken_down(config: Config, urls: Mapping[str, int], uri: str) -> Shard:
    """The pairs of a shard of images whose image has one of these addresses."""
    why = [(pair, str(config.takedowns[number])) for pair, number in _rows_with("url", urls, "pair_id", uri)]
    table = pa.table([[pair for pair, _ in why], [text for _, text in why]], schema=TAKEN_DOWN)
    counts: dict[str, float] = {}
    for _, text in why:
        counts[text] = counts.get(text, 0) + 1
    return Shard(table.num_rows, {REASON: table}, metrics=counts)


def _rows_with(column: str, numbers: Mapping[str, int], wanted: str, uri: str) -> list[tuple[str, int]]:
    """The wanted column of the rows of a shard whose value in another column has a number, with that number.

    Each row is looked up, as the numbers may be far more than the rows of a shard.
    """
    return [
        (value, numbers[name])
        for batch in schemas.read_batches(uri, [column, wanted], ROWS_AT_ONCE)
        for name, value in zip(batch[column].to_pylist(), batch[wanted].to_pylist(), strict=True)
        if name in numbers
    ]


def _first(numbered: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The lowest number of each."""
    found: dict[str, int] = {}
    for name, number in numbered:
        found[name] = min(number, found.get(name, number))
    return found
