"""Who hands what to whom in dedup, and in how many parts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.dedup import records
from tasks.dedup.banded_search import Bands, Hashes
from tasks.dedup.cells import NOWHERE
from tasks.dedup.near_duplicates import HASH_BITS
from tasks.engine.exchange import Exchange, Parts, Records

# On average: a part is as large as what must meet in it, such as all rows of a URL or all hashes equal in a band.
ROWS_PER_PART = 1 << 16
HASHES_PER_PART = 1 << 19
VECTORS_PER_CELL = 1 << 13
MOST_CELLS = 1 << 11  # whose centres are found from one part of the digests


@dataclass(frozen=True)
class Exchanges:
    """All exchanges, under one folder.

    Shards and parts of the evaluation set give signatures; rows meet by URL and files by digest, in `key_parts`; hashes
    meet in `band_parts`; what is found goes back to the shards.

    Attributes:
        uri: the folder.
        rows: of all shards; decides the number of parts.
        evaluation_parts: into which the evaluation set is cut; as sources, they have the numbers behind the shards.
        dimension: of the vectors; 0 where images have none.
    """

    uri: str
    rows: int
    shards: int
    evaluation_parts: int
    max_distance: int
    dimension: int = 0

    @property
    def signers(self) -> range:
        """The sources of signatures."""
        return range(self.shards + self.evaluation_parts)

    @property
    def key_parts(self) -> range:
        """Parts of all URLs, and of all files by their digest."""
        return range(-(-self.rows // ROWS_PER_PART) or 1)

    @property
    def band_parts(self) -> range:
        """Parts of all hashes: one of all bands while they are few, else some of each band."""
        return range(self.band_groups * self.classes)

    @property
    def cell_parts(self) -> range:
        """Parts of all vectors, a cell each. They have the numbers behind those of the hashes."""
        cells = -(-self.rows // VECTORS_PER_CELL) or 1
        return range(len(self.band_parts), len(self.band_parts) + (min(cells, MOST_CELLS) if self.dimension else 0))

    @property
    def likeness_parts(self) -> range:
        """Parts in which images that look alike meet."""
        return range(self.cell_parts.stop)

    @property
    def bands(self) -> Bands:
        """The cut of the hashes."""
        return Bands(HASH_BITS, self.max_distance)

    @property
    def band_groups(self) -> int:
        """How often a hash stands in the parts: once if one part holds all bands, else once for each band."""
        return 1 if self.rows <= ROWS_PER_PART else self.bands.count

    @property
    def classes(self) -> int:
        """Parts of each group of bands; hashes that are equal in a band are of one class."""
        return -(-self.rows // HASHES_PER_PART) or 1

    def bands_of(self, part: int) -> range:
        """The bands in which the hashes of a part are compared."""
        group = part // self.classes
        return range(self.bands.count) if self.band_groups == 1 else range(group, group + 1)

    def by_band(self, hashes: Hashes) -> tuple[NDArray[np.int64], Parts]:
        """The parts in which each hash meets those that are equal in a band: places of hashes, and a part of each."""
        if self.band_groups == 1:
            return np.arange(len(hashes)), np.zeros(len(hashes), np.int64)
        columns = np.asfortranarray(hashes)
        found = []
        for band in range(self.bands.count):
            mixed = self.bands.keys(columns, band) * np.uint32(2_654_435_761) >> np.uint32(16)  # Knuth's multiplier
            found.append(band * self.classes + (mixed % self.classes).astype(np.int64))
        return np.tile(np.arange(len(hashes)), len(found)), np.concatenate(found)

    def by_likeness(self, suspects: Records) -> tuple[NDArray[np.int64], Parts]:
        """The parts that may hold each suspect: places of suspects, and a part of each."""
        places, parts = self.by_band(suspects["hash"])
        in_cells, slots = np.nonzero(suspects["cells"] != NOWHERE)
        cells = suspects["cells"][in_cells, slots].astype(np.int64) + self.cell_parts.start
        return np.concatenate([places, in_cells]), np.concatenate([parts, cells])

    def by_key(self, keys: NDArray[Any]) -> Parts:
        """The part of each URL or digest."""
        words = np.frombuffer(np.ascontiguousarray(keys).tobytes(), "<u8")
        return (words[:: records.KEY_BYTES // 8] % len(self.key_parts)).astype(np.int64)

    @property
    def of_a_signer(self) -> list[Exchange]:
        """To which each shard writes."""
        vectors = [self.vectors] if self.dimension else []
        return [self.rows_by_url, self.signatures, self.hashes, *vectors]

    @property
    def rows_by_url(self) -> Exchange:
        """From the shards."""
        return self._keyed("rows", records.ROW)

    @property
    def signatures(self) -> Exchange:
        """From the signers, by digest."""
        return self._keyed("signatures", records.SIGNATURE)

    @property
    def hashes(self) -> Exchange:
        """From the signers, by band."""
        return self._banded("hashes", records.HASH)

    @property
    def images(self) -> Exchange:
        """From the parts of URLs, and the parts of the evaluation set as signers, by digest."""
        return self._keyed("images", records.IMAGE)

    @property
    def captions(self) -> Exchange:
        """From the parts of URLs, by shard."""
        return self._sharded("captions", records.CAPTION)

    @property
    def marks(self) -> Exchange:
        """From the parts of hashes and vectors, by digest."""
        return self._keyed("marks", records.MARK)

    @property
    def vectors(self) -> Exchange:
        """From the signers, by digest."""
        return self._keyed("vectors", records.vector(self.dimension))

    @property
    def celled(self) -> Exchange:
        """Vectors from the parts of digests, by cell."""
        return Exchange(f"{self.uri}/celled", records.vector(self.dimension), len(self.cell_parts))

    @property
    def centres(self) -> Exchange:
        """Of the cells, in their order, to all."""
        return Exchange(f"{self.uri}/centres", np.dtype([("centre", "<f4", (self.dimension,))]))

    @property
    def vector_suspects(self) -> Exchange:
        """As `suspects`, by cell."""
        return Exchange(f"{self.uri}/vector-suspects", records.suspect_vector(self.dimension), len(self.cell_parts))

    def suspects_of(self, part: int) -> Records:
        """What may look alike in a part of the hashes or vectors."""
        if part in self.cell_parts:
            return self.vector_suspects.read(self.key_parts, part - self.cell_parts.start)
        group, of_group = divmod(part, self.classes)
        return self.suspects(group).read(self.key_parts, of_group)

    def suspects(self, group: int) -> Exchange:
        """From the parts of digests, by class; one exchange for each group of bands, since they are large."""
        return Exchange(f"{self.uri}/suspects-{group:02d}", records.SUSPECT, self.classes)

    @property
    def holders(self) -> Exchange:
        """Of each part of digests to itself."""
        return Exchange(f"{self.uri}/holders", records.HOLDER)

    def states(self, round_number: int) -> Exchange:
        """Of each part of hashes or vectors to itself, after a round."""
        return Exchange(f"{self.uri}/states-{round_number:05d}", records.STATE)

    def findings(self, round_number: int) -> Exchange:
        """From the parts of hashes and vectors that take part in a round, by such a part."""
        return Exchange(f"{self.uri}/findings-{round_number:05d}", records.FINDING, len(self.likeness_parts))

    @property
    def keepers(self) -> Exchange:
        """From the parts of hashes and vectors, by digest."""
        return self._keyed("keepers", records.KEEPER)

    @property
    def verdicts(self) -> Exchange:
        """From the parts of digests, by shard."""
        return self._sharded("verdicts", records.VERDICT)

    def names(self, evaluation_part: int) -> str:
        """URL of the names of the images in a part of the evaluation set."""
        return f"{self.uri}/evaluation/{evaluation_part:05d}.json"

    def _keyed(self, name: str, dtype: np.dtype[Any]) -> Exchange:
        return Exchange(f"{self.uri}/{name}", dtype, len(self.key_parts))

    def _banded(self, name: str, dtype: np.dtype[Any]) -> Exchange:
        return Exchange(f"{self.uri}/{name}", dtype, len(self.band_parts))

    def _sharded(self, name: str, dtype: np.dtype[Any]) -> Exchange:
        return Exchange(f"{self.uri}/{name}", dtype, self.shards)
