"""Folders of pictures: which files are ours to replace, and what stands in the folder of one prompt."""

import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from models.generator import Candidates
from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.generate import Ranking, Request

if TYPE_CHECKING:
    from flows.cli.drawing.sheet import Strip

RECORD = "pictures.json"
SHEET = "sheet.png"
CODES = "codes.npy"
CANDIDATES = "candidates"  # a folder of all, by number
SLUG_LETTERS = 40
MOST_ON_SHEET = 512


class OwnFolder:
    """A folder with a record of the files that were written to it, so that a later call replaces these alone."""

    def __init__(self, folder: Path, record: str, identity: str) -> None:
        """Take the files of an earlier call with the same identity over.

        Args:
            record: name of the JSON file that lists them.

        Raises:
            ConfigError: the folder holds files of another call.
        """
        self.folder = folder
        self.identity = identity
        self._record = record
        self._old = require_own(folder, record, identity)
        self._files: list[str] = []

    def plan(self, files: list[str], about: dict[str, Any]) -> None:
        """Note which files will be written, so that they are known as ours even if this process is killed."""
        self._write_record(about | {"finished": False}, sorted({*files, *self._old}))

    def write(self, name: str, data: bytes) -> Path:
        """A file, in place of an old one."""
        path = self.folder / name
        with storage.plain_errors(str(path), "write", "--out"):
            storage.replace_file(path, data)
        self._files.append(name)
        return path

    def close(self, about: dict[str, Any]) -> None:
        """Write the record, and remove what an earlier call wrote and this one did not."""
        for name in self._old - {*self._files}:
            (self.folder / name).unlink(missing_ok=True)
        self._write_record(about | {"finished": True}, sorted(self._files))

    def _write_record(self, about: dict[str, Any], files: list[str]) -> None:
        text = json.dumps(about | {"identity": self.identity, "files": files}, indent=2, ensure_ascii=False) + "\n"
        path = self.folder / self._record
        with storage.plain_errors(str(path), "write", "--out"):
            storage.replace_file(path, text.encode())


class PromptFolder:
    """The candidates of one prompt as files: all by number, the best by rank, their codes, a sheet, and a record."""

    def __init__(self, folder: Path, prompt: str, request: Request, top: int, identity: str) -> None:
        """Note in the folder what will be written.

        Raises:
            ConfigError: the folder holds pictures of another prompt, seed or model, or of unknown origin.
        """
        self.prompt = prompt
        self._request = request
        self._top = min(top, request.n)
        self._own = OwnFolder(folder, RECORD, identity)
        self._paths: list[Path] = []
        self._codes: list[np.ndarray] = []
        self._best: list[tuple[Path, float]] = []
        best = [_best_name(rank) for rank in range(self._top)]
        all_ = [_candidate_name(index) for index in range(request.n)]
        self._own.plan([*all_, *best, CODES, SHEET], self._about())

    def add(self, batch: Candidates) -> list[Path]:
        """Write the next candidates; their files."""
        from models.training.images import encode_png

        paths = [
            self._own.write(_candidate_name(batch.first + place), encode_png(image))
            for place, image in enumerate(batch.images)
        ]
        self._paths += paths
        if batch.codes is not None:
            self._codes.append(batch.codes)
        return paths

    def finish(self, ranking: Ranking, known: dict[str, Any]) -> dict[str, Any]:
        """Write the rest; the record.

        Args:
            known: what else the record says of the prompt.
        """
        from flows.cli.drawing.sheet import ScoredPicture, Strip, contact_sheet

        order = [int(index) for index in np.argsort(ranking.ranks)]
        shown = order[: max(self._top, MOST_ON_SHEET)]
        scored = [ScoredPicture(self._paths[i].read_bytes(), float(ranking.scores[i])) for i in shown]
        for rank, picture in enumerate(scored[: self._top]):
            path = self._own.write(_best_name(rank), picture.png)
            self._best.append((path, picture.score))
        which = f"the best {MOST_ON_SHEET} of " if len(order) > MOST_ON_SHEET else ""
        if self._codes:
            self._own.write(CODES, _npy(np.concatenate(self._codes)))
        sheet = self._own.write(SHEET, contact_sheet([Strip(self.prompt, self._note(which), scored[:MOST_ON_SHEET])]))
        pictures = [
            {"rank": rank, "index": i, "score": float(ranking.scores[i]), "path": str(self._paths[i])}
            for rank, i in enumerate(order)
        ]
        record = self._about() | known
        record |= {"best": [{"path": str(path), "score": score} for path, score in self._best]}
        record |= {"pictures": pictures, "sheet": str(sheet), "codes": CODES if self._codes else None}
        self._own.close(record)
        return record

    def strip(self) -> "Strip":
        """The best pictures, for a sheet of several prompts."""
        from flows.cli.drawing.sheet import ScoredPicture, Strip

        best = [ScoredPicture(path.read_bytes(), score) for path, score in self._best]
        return Strip(self.prompt, self._note(f"the best {len(best)} of "), best)

    def _note(self, which: str = "") -> str:
        count, seed = self._request.n, self._request.seed
        return f"{which}{count} candidates, best first, with the ranker's score (cosine similarity); seed {seed}"

    def _about(self) -> dict[str, Any]:
        request, image = self._request, self._request.image
        kept = image and {"keep_rows": image.keep_rows, "keep_columns": image.keep_columns}
        return {
            "prompt": self.prompt,
            "seed": request.seed,
            "candidates": request.n,
            "sampling": request.sampling.model_dump(mode="json"),
            "image": kept,
        }


def require_own(folder: Path, record: str, identity: str) -> set[str]:
    """Names of the files that an earlier call with the same identity wrote; none in a new folder.

    Raises:
        ConfigError: the folder holds pictures of another prompt, seed or model, or of unknown origin.
    """
    try:
        content = json.loads((folder / record).read_text(encoding="utf-8"))
        if content["identity"] == identity:
            return {name for name in content["files"] if _is_inside(name)}
        whose = f"pictures of '{content['prompt']}', seed {content['seed']}"
    except (OSError, ValueError, KeyError, TypeError):
        if not any(_pictures(folder)):
            return set()
        whose = "pictures"
    raise ConfigError(f"{folder} already holds {whose}, of another call: choose an empty folder with --out.")


def folder_name(prompt: str, identity: str) -> str:
    """The letters and digits of a prompt in any script, and the identity: no two prompts or seeds share a name."""
    letters = re.sub(r"[^\w]+|_+", "-", unicodedata.normalize("NFC", prompt).lower())
    slug = letters[:SLUG_LETTERS].strip("-")
    return f"{slug}-{identity}" if slug else identity


def _pictures(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.png")
    yield from (folder / CANDIDATES).glob("*.png")


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _best_name(rank: int) -> str:
    return f"{rank:02d}.png"


def _candidate_name(index: int) -> str:
    return f"{CANDIDATES}/{index:04d}.png"


def _npy(codes: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, codes)
    return buffer.getvalue()
