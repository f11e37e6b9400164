"""What every kind of suite has in common. A new kind is a module here and a line in tasks.sample.config's union."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from models.config import Frozen
from tasks.crawl.sources.folder_files import digest_of
from tasks.engine import storage
from tasks.errors import SourceError
from tasks.sample.prompts import NO_SUITES, prompt_fault


class SuitePrompt(NamedTuple):
    """A prompt of a suite, with what its file says of it."""

    text: str
    category: str | None = None
    challenge: str | None = None


class SuiteConfig(Frozen):
    """Base of every kind of suite: where its prompts stand, how they are read, and which of them are drawn."""

    kind: str
    path: str = Field(description="File of the prompts, or their folder, on this machine.")
    name: str | None = Field(None, min_length=1, description="What reports call the suite; its kind if unset.")
    count: int | None = Field(None, ge=1, description="At most so many of its prompts, chosen by `seed`; all if unset.")
    seed: int = Field(0, ge=0, description="Another one chooses other prompts, and draws them in another order.")

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not path.strip():
            raise ValueError("is empty: name the file of the prompts")
        if "://" in path:
            raise ValueError("is an address: give a path on this machine")
        return str(Path(path).expanduser().absolute())

    @field_validator("name")
    @classmethod
    def _is_no_other_group(cls, name: str | None) -> str | None:
        if name in NO_SUITES:
            raise ValueError(f"'{name}' is what other prompts are called: choose another name")
        return name

    @property
    def group(self) -> str:
        """The group of its prompts."""
        return self.name or self.kind

    def files(self) -> list[Path]:
        """What is read, in a fixed order."""
        return [Path(self.path)]

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """All its prompts, each with the words that name its place.

        Raises:
            SourceError: a file cannot be read, or is not in the form of the kind.
        """
        raise NotImplementedError

    def prompts(self) -> list[SuitePrompt]:
        """What is drawn: each text once, in the order of a hash, so that the first ones are as good as random.

        Equal texts would give equal pictures. Memory holds the prompts that `read` gives.

        Raises:
            SourceError: as `read`, or a prompt cannot be drawn, or there is none.
        """
        found: dict[str, SuitePrompt] = {}
        for place, prompt in self.read():
            if fault := prompt_fault(prompt.text):
                raise SourceError(f"{place} {fault}: correct it, or leave it out.")
            found.setdefault(prompt.text, prompt)
        if not found:
            raise SourceError(f"{self.path} holds no prompt: name a file of the kind {self.kind}.")
        order = sorted(found, key=self.hash)
        return [found[text] for text in order[: self.count]]

    def hash(self, text: str) -> bytes:
        """Decides an order that depends on `seed` and on nothing else."""
        return hashlib.sha256(f"{self.seed} {text}".encode()).digest()

    def fingerprinted(self) -> dict[str, Any]:
        """The files count by their content, in `outside_state`, and not by where they lie."""
        return self.model_dump(mode="json") | {"path": "by content"}

    def outside_state(self) -> str:
        """Digest of the names and contents of the files.

        Raises:
            SourceError: one cannot be read.
        """
        try:
            told = [f"{file.name} {digest_of(file)}" for file in self.files()]
        except OSError as error:
            raise SourceError(f"Cannot read {error.filename} ({error.strerror}): check sample.suites.") from error
        return storage.sha256("\n".join(told).encode(errors="surrogateescape"))
