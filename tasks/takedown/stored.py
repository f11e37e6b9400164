"""Every artifact under a root, finished or not, with its tables and what it was made from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.engine import storage
from tasks.engine.artifact import FINGERPRINT, MANIFEST, Artifact, Manifest

TABLE = ".parquet"


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact that is there. `manifest`: None while it is not finished; its shards are there all the same."""

    artifact: Artifact
    manifest: Manifest | None
    tables: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.artifact.address

    @property
    def inputs(self) -> tuple[str, ...]:
        """Addresses of what it was made from."""
        return tuple(self.manifest.inputs.values()) if self.manifest is not None else ()


def stored_artifacts(root: str) -> Iterator[StoredArtifact]:
    """Those under a root.

    Raises:
        DamagedArtifactError: a manifest cannot be read.
        StorageError: the root cannot be read.
    """
    root = storage.absolute(root)
    for stage in storage.names(root):
        for name in storage.names(f"{root.rstrip('/')}/{stage}"):
            if FINGERPRINT.fullmatch(name):
                yield _stored(Artifact(root=root, stage=stage, fingerprint=name))


def made_from(artifact: StoredArtifact, known: Mapping[str, StoredArtifact]) -> set[str]:
    """Addresses of all that an artifact was made from, so far as it is still there, without itself."""
    found: set[str] = set()
    waiting = list(artifact.inputs)
    while waiting:
        address = waiting.pop()
        if address in known and address not in found:
            found.add(address)
            waiting += known[address].inputs
    return found


def _stored(artifact: Artifact) -> StoredArtifact:
    if not storage.exists(artifact.file(MANIFEST)):
        return StoredArtifact(artifact, None, tuple(n for n in storage.names(artifact.uri) if n.endswith(TABLE)))
    manifest = artifact.manifest()
    return StoredArtifact(artifact, manifest, tuple(f.path for f in manifest.outputs if f.path.endswith(TABLE)))
