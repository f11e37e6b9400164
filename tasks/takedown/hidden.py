"""Which rejects of a run a report may not show, because they show what was taken down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks import schemas
from tasks.dedup.twins import kept_instead
from tasks.engine.artifact import Artifact
from tasks.takedown.left_out import REASON
from tasks.takedown.matching import Matcher
from tasks.takedown.stage import Config

COMPARED = pa.schema([schemas.REJECTS.field("url"), schemas.REJECTS.field("image")])


@dataclass(frozen=True)
class TakenDown:
    """What the pairs of a run do without. `pairs`: the ids of those that were left out."""

    matcher: Matcher
    pairs: frozenset[str]

    @classmethod
    def by(cls, takedowns: Artifact) -> "TakenDown":
        """As the artifact of `match_takedowns` says that pack has read."""
        config = Config.model_validate(takedowns.manifest().config)
        tables = (schemas.read_table(uri, ["pair_id"]) for uri in takedowns.files(REASON))
        return cls(
            Matcher(config.takedowns), frozenset(pair for table in tables for pair in table["pair_id"].to_pylist())
        )

    def hides(self, row: Mapping[str, Any]) -> bool:
        """Whether a reject is a picture that was taken down, or a copy of one. Its page is not known any more."""
        named = not self.pairs.isdisjoint({row["pair_id"], kept_instead(row["detail"])})
        return named or bool(self.matcher.matches(pa.Table.from_pylist([dict(row)], COMPARED)))
