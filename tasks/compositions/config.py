"""Which pictures a corpus of compositions has."""

from typing import Self

from pydantic import Field, model_validator

from models.config import Frozen
from tasks.compositions.grounds import COLOURS
from tasks.compositions.pool import THINGS


class CompositionsConfig(Frozen):
    """Which pictures a corpus of compositions has, and how much of it is held out.

    Every thing is drawn on every colour that it can be seen on; a ground with a pattern, another size and a count are
    drawn of every thing; pairs are a sample of all ordered pairs.
    """

    seed: int = Field(0, ge=0, description="Another seed gives other things, colours and pairs.")
    things: int = Field(60, ge=4, description="Things that are learned.")
    unseen_things: int = Field(6, ge=0, description="Further things, of which all pictures are held out.")
    colours: int | tuple[str, ...] = Field(10, description="Colours of the grounds: how many, or their names.")
    per_pattern: int = Field(2, ge=0, description="Pictures of each thing on stripes, dots and checks.")
    per_size: int = Field(2, ge=0, description="Pictures of each thing small and large.")
    per_count: int = Field(3, ge=0, description="Pictures of two and of three of each thing.")
    pairs: int = Field(1400, ge=0, description="Ordered pairs of different things; fewer where there are not so many.")
    per_pair: int = Field(1, ge=0, description="Pictures of each pair: side by side and one above the other in turn.")
    per_unseen_thing: int = Field(4, ge=0, description="Pictures of each unseen thing.")
    held_out: float = Field(0.11, gt=0, le=0.25, description="Share of the combinations that are held out.")
    captions: int = Field(3, ge=1, le=12, description="Wordings of each picture.")

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if self.things + self.unseen_things > len(THINGS):
            raise ValueError(f"there are {len(THINGS)} things, fewer than {self.things + self.unseen_things}")
        wanted = self.colours if isinstance(self.colours, tuple) else (*COLOURS,)[: self.colours]
        if unknown := set(wanted) - set(COLOURS):
            raise ValueError(f"unknown colours {', '.join(sorted(unknown))}; there are: {', '.join(COLOURS)}")
        if len(set(wanted)) < 4 or (isinstance(self.colours, int) and self.colours > len(COLOURS)):
            raise ValueError(f"between 4 and {len(COLOURS)} different colours can be asked for")
        return self
