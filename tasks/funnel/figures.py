"""The figures of the funnel: what `funnel.json` holds, and report.json under the key `funnel`."""

from pydantic import Field

from models.config import Frozen
from tasks.evaluate.quantities import Histogram, Part

FIGURES = "funnel.json"


class RefusedRows(Frozen):
    """Rows that a stage refused for one reason."""

    reason: str = Field(description="The reason's code, as in the column `reason` of the rejects.")
    rows: int
    share: float = Field(description="Of the rows that came into the stage.")


class FunnelStep(Frozen):
    """One stage: `rows_in == rows_kept + sum(refused.rows)`, which the engine checked when the stage ended."""

    stage: str
    unit: str
    rows_in: int
    rows_kept: int
    refused: tuple[RefusedRows, ...] = Field(description="The most frequent reason first.")


class HostFailures(Frozen):
    """The downloads from one host."""

    host: str
    tried: int = Field(description="Rows whose image was asked for; one image with several captions is as many rows.")
    failed: int
    reasons: dict[str, int] = Field(description="Failed rows by reason, the most frequent first.")


class DomainRows(Frozen):
    """Images of one registered domain (`example.co.uk`), as found by one kind of source."""

    kind: str
    domain: str
    found: int
    kept: int = Field(description="Packed pairs.")


class LicenceRows(Frozen):
    """Images of one source under one licence."""

    source: str = Field(description="Name of the source, as in the column `source`.")
    kind: str
    licence: str | None = Field(description="None where none is stated.")
    found: int
    kept: int = Field(description="Packed pairs.")


class DuplicatePair(Frozen):
    """A refused image and the one kept in its place, one of those drawn, with the distance that dedup compares."""

    reason: str
    pair_id: str
    kept_pair_id: str
    hash_bits: int = Field(description="Bits in which the two perceptual hashes differ, of 255.")
    grey_levels: int = Field(description="Largest difference of the two 16x16 thumbnails, of 255.")


class Distributions(Part):
    """Captions and pictures before anything is refused, and those that are packed."""

    caption_words: Histogram | None = Field(
        None, title="Words of a caption", description="Longer ones are counted in the last bin."
    )
    caption_characters: Histogram | None = Field(
        None, title="Characters of a caption", description="Longer ones are counted in the last bin."
    )
    shortest_side: Histogram | None = Field(
        None, title="Size of the pictures", description="Shortest side in which a picture was served."
    )
    aspect: Histogram | None = Field(
        None, title="Shape of the pictures", description="Width over height: a square is 1, what is upright is below."
    )


class Funnel(Frozen):
    """What became of every row of the data part, in numbers.

    Lists hold the most frequent, `top` of them. Their counts are exact as long as no stage has more different hosts
    than memory is set aside for (`tally.HOSTS_REMEMBERED`). Else the rarest are forgotten and counts are too low: that
    of a host with one reason, or from one source, by at most `missed`; that of a domain also by its forgotten hosts.
    """

    steps: tuple[FunnelStep, ...] = Field(description="The stages in the order of work.")
    hosts: tuple[HostFailures, ...] = Field(description="Hosts of failed downloads, the most failures first.")
    domains: tuple[DomainRows, ...] = Field(description="The most images first; `top` of each kind of source.")
    licences: tuple[LicenceRows, ...] = Field(description="The most images first.")
    languages: dict[str, int] = Field(description="Captions refused as not English, by the code of their language.")
    duplicates: tuple[DuplicatePair, ...] = Field(description="The pairs drawn, the least alike first.")
    distributions: Distributions
    missed: int = Field(description="By how much the count of a host or licence may be too low; 0: all are exact.")
