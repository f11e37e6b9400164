"""Puts small shards together, so that the size of shards need not follow from how their input was cut."""

from dataclasses import dataclass

from tasks.engine.artifact import Artifact


@dataclass(frozen=True)
class Group:
    """Shards that follow each other, and the rows they hold together."""

    uris: tuple[str, ...]
    rows: int


def groups(artifact: Artifact, kind: str, rows: int) -> list[Group]:
    """The shards of one kind in groups of at least `rows` rows, but for the last; a large shard is a group alone."""
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
