"""Captions of the birds of CUB-200-2011, as Reed et al. (2016) published them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from tasks.errors import SourceError
from tasks.sample.suites.files import lines_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt

MOST_BYTES = 1 << 20  # of the text file of an image, which has ten lines


class CUBSuite(SuiteConfig):
    """All captions of a folder with a text file for each image, a caption a line; the category is the species.

    A file is in the folder of its class, such as 001.Black_footed_Albatross. The paper draws the captions of the test
    classes (section 3.2), which `classes` picks out of all 200.
    """

    kind: Literal["cub"] = "cub"
    classes: str | None = Field(
        None, description="File that names the classes to take, one a line, such as testclasses.txt; all if unset."
    )

    @field_validator("classes")
    @classmethod
    def _is_absolute_too(cls, classes: str | None) -> str | None:
        return None if classes is None else str(Path(classes).expanduser().absolute())

    def files(self) -> list[Path]:
        """The text files of the images of the classes, and the file that names these."""
        return [*([Path(self.classes)] if self.classes else []), *self._texts()]

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """Every caption of every image."""
        root = Path(self.path)
        if not root.is_dir():
            raise SourceError(f"There is no folder {root}: name the folder of CUB's captions, a text file an image.")
        for file in self._texts():
            category = None if file.parent == root else _species(file.parent.name)
            yield from ((place, SuitePrompt(text, category)) for place, text in lines_of(file, MOST_BYTES))

    def _texts(self) -> list[Path]:
        """The files in folders of classes; those of the folder itself where it has no such folders."""
        root = Path(self.path)
        found = sorted(file for file in root.rglob("*.txt") if file.is_file())
        found = [file for file in found if file.parent != root] or found
        if self.classes is None:
            return found
        wanted = {line for _, line in lines_of(Path(self.classes), MOST_BYTES)}
        if missing := sorted(wanted - {file.parent.name for file in found}):
            raise SourceError(f"{root} has no folder of the class {missing[0]}, which {self.classes} names.")
        return [file for file in found if file.parent.name in wanted]


def _species(folder: str) -> str:
    """`001.Black_footed_Albatross` in words."""
    number, dot, name = folder.partition(".")
    return (name if dot and number.isdecimal() else folder).replace("_", " ")
