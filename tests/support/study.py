"""Sides of a study as folders, and what raters would save."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.training.images import encode_png
from tasks.study.answer_files import COLUMNS
from tasks.study.pairs import StudyKey, StudyPair

PROMPTS = tuple(f"thing {i}, drawn" for i in range(6))


def side_folder(folder: Path, level: int, prompts: Sequence[str] = PROMPTS) -> str:
    """Another system's pictures: grey ones, with a table. Picture i has the grey level `level` + i."""
    folder.mkdir(parents=True)
    rows = [("file", "prompt")]
    for i, prompt in enumerate(prompts):
        (folder / f"{i}.png").write_bytes(encode_png(np.full((40, 48, 3), level + i, np.uint8)))
        rows.append((f"{i}.png", prompt))
    with (folder / "pictures.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(folder)


def study_key(pairs: int, checks: int = 0) -> StudyKey:
    """Pairs 1, 2, … with A on the left of the odd ones; the last ones are checks."""
    numbered = [
        StudyPair(number=n, prompt=f"p{n}", left="a" if n % 2 else "b", of="a" if n > pairs else None)
        for n in range(1, pairs + checks + 1)
    ]
    return StudyKey(study="abc", seed=0, a="ours", b="theirs", pairs=tuple(numbered))


def answer(pair: StudyPair, side: str) -> str:
    """How a rater says a, b or neither of a pair."""
    return side if side == "neither" else ("left" if pair.left == side else "right")


def row(key: StudyKey, rater: str, pair: int, realism: str, caption: str = "", **changes: str) -> dict[str, str]:
    """One row of a rater's file, with sides a, b, neither or nothing as answers."""
    [about] = [each for each in key.pairs if each.number == pair]
    said = {"realism": realism and answer(about, realism), "caption": caption and answer(about, caption)}
    known = {"study": key.study, "rater": rater, "session": f"of {rater}", "pair": str(pair), "seconds": "5.0"}
    return known | said | {"answered_at": f"2026-01-01T00:00:{pair:02d}.000Z"} | changes


def csv_file(path: Path, rows: Sequence[Mapping[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """A rater's file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def correlated_votes(
    random: np.random.Generator, raters: int, pairs: int, preference: float, correlation: float
) -> np.ndarray:
    """Votes for A (1) or B (0) of [raters, pairs], whose chance differs between pairs."""
    scale = (1 - correlation) / correlation
    chances = random.beta(preference * scale, (1 - preference) * scale, pairs)
    return (random.random((raters, pairs)) < chances).astype(np.float64)
