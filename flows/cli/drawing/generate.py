"""`dalle generate`: pictures for prompts, as files that appear while they are drawn."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from flows.cli.drawing.folders import SHEET, OwnFolder, PromptFolder, folder_name, require_own
from flows.cli.drawing.prompts import PromptRow
from models.generator import Candidates
from tasks.engine import storage
from tasks.engine.meter import duration
from tasks.generate import ModelSource, Ranking, Request, draw
from tasks.preflight import require_writable

INDEX = "prompts.json"
HASH_DIGITS = 8
SHEET_STRIPS = 40  # prompts on one sheet; the next ones stand on another
SEEN = {
    "train": "is a caption from training: the models may redraw that picture from memory.",
    "val": "is the caption of a held-out picture, which the models have not seen.",
    "none": "is not a caption from training.",
}


class Telling(Protocol):
    """Tells a person how the work goes."""

    def __call__(self, phase: str) -> None:
        """The next piece of work begins."""

    def progress(self, text: str) -> None:
        """How far it is."""

    def line(self, text: str) -> None:
        """A line that stays."""


@dataclass(frozen=True)
class Wish:
    """What a person asked for.

    Attributes:
        rows: the prompts; each is drawn once, however often it stands there.
        request: how to draw them; its prompts are set from the rows.
        top: how many of the best to keep apart.
        out: the folder; by default one whose name no other prompts, seed or models have.
    """

    rows: Sequence[PromptRow]
    request: Request
    top: int
    out: Path | None = None

    @property
    def prompts(self) -> tuple[str, ...]:
        """The different prompts, in their order."""
        return tuple(dict.fromkeys(row.prompt for row in self.rows))


def draw_files(wish: Wish, models: ModelSource, tell: Telling) -> dict[str, Any]:
    """Writes every candidate when it is drawn, then the best pictures, a sheet and a record; returns the record.

    One prompt has its files in the folder itself, several have a folder each in it, beside a sheet and an index of all.
    A folder holds pictures of one prompt, one seed and one set of models; they are replaced only by pictures of the
    same ones.

    Raises:
        ConfigError: a prompt cannot be drawn, or the folder holds other pictures.
        StorageError: the folder cannot be written.
        OutOfMemoryError, CheckpointError: see `draw`.
    """
    prompts = wish.prompts
    identities = [_identity([prompt], wish, models) for prompt in prompts]
    names = [folder_name(prompt, identity) for prompt, identity in zip(prompts, identities, strict=True)]
    alone = len(prompts) == 1
    identity = _identity(prompts, wish, models)
    out = wish.out or Path("generated") / (names[0] if alone else f"{len(prompts)}-prompts-{identity}")
    require_writable(out, "--out")
    if not alone:
        require_own(out, INDEX, identity)
    places = [out] if alone else [out / name for name in names]
    folders = [
        PromptFolder(place, prompt, wish.request, wish.top, own)
        for place, prompt, own in zip(places, prompts, identities, strict=True)
    ]
    records = _draw_all(wish, models, folders, tell)
    if alone:
        return records[0] | {"columns": wish.rows[0].columns}
    tell("Writing the sheet")
    return _write_index(OwnFolder(out, INDEX, identity), wish, records, folders)


def about_prompt(
    models: ModelSource, prompt: str, splits: Mapping[str, str | None] = MappingProxyType({})
) -> dict[str, Any]:
    """What a record says of a prompt.

    Args:
        splits: see `ModelSource.splits`.
    """
    generator = models.generator()
    return {
        "prompt": prompt,
        "unread": generator.unread(prompt),
        "unknown": generator.unknown(prompt),
        "caption_of": (splits[prompt] or "none") if splits else "unknown",
    }


def remarks(record: dict[str, Any], named: bool = False) -> list[str]:
    """What a person should know of the pictures of a prompt, a sentence each.

    Args:
        named: whether the sentences name the prompt, among others.
    """
    which = f"The prompt “{record['prompt'][:60]}”" if named else "This prompt"
    said = []
    if record["unread"]:
        end = record["unread"][:200]
        said.append(f"{which} is too long for the models; they did not read its end: “{end}”.")
    if record["unknown"]:
        letters = " ".join(record["unknown"][:20])
        said.append(f"{which} has letters that the models have hardly seen: {letters}")
    if record["caption_of"] in SEEN:
        said.append(f"{which} {SEEN[record['caption_of']]}")
    return said


def _draw_all(wish: Wish, models: ModelSource, folders: Sequence[PromptFolder], tell: Telling) -> list[dict[str, Any]]:
    """Draws into the folders; the record of each."""
    request = replace(wish.request, prompts=wish.prompts)
    pace = DrawingPace(len(folders) * request.n, tell.progress)
    records: list[dict[str, Any]] = []
    splits: dict[str, str | None] = {}
    first = True
    for event in draw(models, request, pace, tell):
        match event:
            case Candidates():
                paths = folders[event.prompt].add(event)
                if first:
                    tell.line(f"First picture: {paths[0]}")
                    first = False
            case Ranking():
                if not records:
                    splits = models.splits(request.prompts)
                known = about_prompt(models, request.prompts[event.prompt], splits)
                records.append(folders[event.prompt].finish(event, known))
    return records


class DrawingPace:
    """Says how far a drawing is: `12 of 32 pictures, 8.1 a second, 2.5 s left`."""

    def __init__(self, total: int, tell: Callable[[str], None]) -> None:
        """`total`: pictures."""
        self._total = total
        self._tell = tell
        self._began: float | None = None

    def __call__(self, share: float) -> None:
        """To be called with the share of all work that is done."""
        now = time.monotonic()
        self._began = self._began or now
        elapsed, done = now - self._began, share * self._total
        if elapsed <= 0 or done <= 0:
            return
        rate = done / elapsed
        left = duration((self._total - done) / rate)
        self._tell(f"Drawing: {int(done):,} of {self._total:,} pictures, {rate:.3g} a second, {left} left")


def _write_index(
    own: OwnFolder, wish: Wish, records: Sequence[dict[str, Any]], folders: Sequence[PromptFolder]
) -> dict[str, Any]:
    """The sheets and the index of several prompts."""
    from flows.cli.drawing.sheet import contact_sheet

    by_prompt = dict(zip(wish.prompts, records, strict=True))
    sheets = []
    for start in range(0, len(folders), SHEET_STRIPS):
        name = SHEET if start == 0 else f"sheet-{start // SHEET_STRIPS + 1}.png"
        strips = [folder.strip() for folder in folders[start : start + SHEET_STRIPS]]
        sheets.append(str(own.write(name, contact_sheet(strips))))
    record = {
        "identity": own.identity,
        "seed": wish.request.seed,
        "candidates": wish.request.n,
        "prompts": [by_prompt[row.prompt] | {"columns": row.columns} for row in wish.rows],
        "sheets": sheets,
    }
    own.close(record)
    return record


def _identity(prompts: Sequence[str], wish: Wish, models: ModelSource) -> str:
    """Names what decides the candidates: prompts, seed, how symbols are drawn, the kept picture, and the models."""
    request = wish.request
    kept = request.image and [
        storage.sha256(request.image.image.tobytes()),
        request.image.image.shape,
        request.image.keep_rows,
        request.image.keep_columns,
    ]
    decides = [list(prompts), request.seed, request.sampling.model_dump(mode="json"), kept, models.identity]
    return storage.sha256(json.dumps(decides, sort_keys=True).encode())[:HASH_DIGITS]
