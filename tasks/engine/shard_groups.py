"""Groups small shards, so that a stage's shards can be larger than those of its input."""

from dataclasses import dataclass

from tasks.engine.artifact import Artifact


@dataclass(frozen=True)
class Group:
    """Consecutive shards, and the number of rows in all of them."""

    uris: tuple[str, ...]
    rows: int


def groups(artifact: Artifact, kind: str, rows: int) -> list[Group]:
    """The shards of one kind in groups of at least `rows` rows; only the last group may be smaller."""
    rows_of = {record.path: record.rows or 0 for record in artifact.manifest().outputs}
    found: list[Group] = []
    uris: tuple[str, ...] = ()
    waiting = 0
    shards = artifact.files(kind)
    for uri in shards:
        uris = (*uris, uri)
        waiting += rows_of[uri.rsplit("/", 1)[-1]]
        if waiting >= rows or uri == shards[-1]:
            found.append(Group(uris, waiting))
            uris, waiting = (), 0
    return found
