"""The pipeline's `translate` section: which pictures are given, and what is asked for below them."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from models.config import Frozen
from models.generator import Sampling
from tasks.engine import storage
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError
from tasks.image_prompt import KEEP_ROWS
from tasks.sample.prompts import prompt_fault

CAPTION, THING = "{caption}", "{thing}"
ARTICLE = re.compile(r"(a|an|the)\s+", re.IGNORECASE)


class Case(Frozen):
    """What is asked for below the kept part of a picture."""

    caption: str = Field(
        description=f"{CAPTION} in it stands for the picture's own caption, {THING} for that without its article."
    )
    keep_rows: float = Field(KEEP_ROWS, gt=0, le=0.9, description="Share of the height that is kept, from the top.")

    @field_validator("caption")
    @classmethod
    def _can_be_drawn(cls, caption: str) -> str:
        if fault := prompt_fault(caption):
            raise ValueError(f"the caption {fault}")
        return caption

    def text(self, caption: str) -> str:
        """The prompt for a picture of this caption."""
        return self.caption.replace(THING, ARTICLE.sub("", caption, count=1)).replace(CAPTION, caption)


# The picture's own caption, which a model of few words can read too; and figure 14 of the paper, there of a cat. The
# one with sunglasses names the thing once, and the paper three times: captions of pictures are longer than "cat".
CASES = (
    Case(caption=CAPTION),
    Case(caption=f"the exact same {THING} on the top as a sketch on the bottom"),
    Case(caption=f"the exact same {THING} on the top as a postage stamp on the bottom"),
    Case(caption=f"2 panel image of the exact same {THING}. on the top, a photo of it. on the bottom, in sunglasses."),
    Case(caption="the exact same photo on the top reflected upside-down on the bottom"),
    Case(caption=f"the exact same {THING} on the top colored red on the bottom"),
)


class Config(Sampling, StageConfig):
    """Which pictures are translated, by which captions, and how they are drawn. Without pictures, nothing is."""

    pictures: int = Field(0, ge=0, description="Held-out pictures, chosen by hash.")
    files: tuple[str, ...] = Field(
        (), description="Image files of your own; the name of a file, such as grey-cat.jpg, is its picture's caption."
    )
    cases: tuple[Case, ...] = Field(CASES, min_length=1, description="What is asked for below each of the pictures.")
    candidates: int = Field(8, ge=1, description="Samples for each picture and case.")
    seed: int = Field(0, ge=0)

    @property
    def is_on(self) -> bool:
        """Whether any picture is given."""
        return self.pictures > 0 or len(self.files) > 0

    def require(self) -> None:
        """The named files can be read.

        Raises:
            SourceError: there is no such file.
        """
        if missing := [file for file in self.files if not Path(file).expanduser().is_file()]:
            raise SourceError(f"There is no picture {missing[0]}: check translate.files.")

    def fingerprinted(self) -> dict[str, Any]:
        """Named files count by their names and contents, in `outside_state`, and not by where they lie."""
        return super().fingerprinted() | {"files": len(self.files)}

    def outside_state(self) -> str:
        """Digest of the named files' names and contents, in their order; empty without any.

        Raises:
            SourceError: there is no such file.
        """
        self.require()
        paths = [Path(file).expanduser() for file in self.files]
        return "".join(storage.sha256(f"{path.name} ".encode() + path.read_bytes()) for path in paths)
