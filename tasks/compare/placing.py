"""Which picture of a folder belongs to which prompt, by a table, or by the names of folders and files."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.compare.tars import tars_of, told_by_tar
from tasks.crawl.caption_files import tables
from tasks.crawl.sources.folder_files import FolderFiles, Names

TABLES = tuple(f"prompts{suffix}" for suffix in tables.SUFFIXES)
NUMBERED = re.compile(r"(.+?)[-_ ]+[a-z]?(\d+)")  # 12-3, a-red-car_0, bird_s0

Prompt = dict[str, Any]  # prompt_id, prompt, group and so on, as in `schemas.SAMPLES`


@dataclass(frozen=True)
class RefusedPicture:
    """A picture, or a row of a table, that is not compared: the reason and what helps to check it."""

    file: str
    reason: str
    detail: str | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Placed:
    """The pictures of each prompt by its place among the prompts, in order, as paths in the folder; and the rest."""

    files: dict[int, list[str]]
    refused: list[RefusedPicture]


def place_pictures(files: FolderFiles, prompts: Sequence[Prompt], most: int) -> Placed:
    """Finds the prompt of every picture. Prompts of one text share their pictures.

    A table (prompts.csv, captions.csv, metadata.jsonl and so on) names files and prompts; in a tar, the text beside a
    picture is its prompt. Pictures that no table names belong to the prompt whose text or number is the name of their
    folder, or that of the file up to a last number: `a-red-car/0.png`, `a red car-0.png`, `12-0.png`.

    Args:
        most: pictures of a prompt; further ones are refused, so that no side chooses among more than the other.
    """
    by_text, by_slug, by_id = defaultdict(list), defaultdict(list), defaultdict(list)
    for place, prompt in enumerate(prompts):
        by_text[_text(prompt["prompt"])].append(place)
        by_slug[_slug(prompt["prompt"])].append(place)
        by_id[str(prompt["prompt_id"])].append(place)
    found: dict[int, list[str]] = defaultdict(list)
    refused: list[RefusedPicture] = []
    said, in_tables = [], set()
    by_tables = (row for table in tables_of(files) for row in _told(files, table))
    by_tars = (row for tar in tars_of(files.root) for row in told_by_tar(files.root, tar))
    for rows in (by_tables, by_tars):
        for file, text, reason in rows:
            in_tables.add(file)
            if reason is not None:
                refused.append(RefusedPicture(file, *reason, text))
            else:
                said.append((file, by_text.get(_text(text), []), text))
    named = ((file, _by_names(file, by_slug, by_id), None) for file in sorted(files.images - in_tables, key=_in_order))
    for file, places, caption in [*said, *named]:
        fault = _refusal(files.root, file) or (None if places else ("other_prompt", None))
        if fault is not None:
            refused.append(RefusedPicture(file, *fault, caption))
            continue
        for place in places:
            if file in found[place]:
                refused.append(RefusedPicture(file, "duplicate", None, prompts[place]["prompt"]))
            elif len(found[place]) == most:
                refused.append(RefusedPicture(file, "more_pictures", f"{most} are compared", prompts[place]["prompt"]))
            else:
                found[place].append(file)
    refused += [RefusedPicture(file, "unsupported_format") for file in sorted(files.unread_images)]
    return Placed({place: own for place, own in found.items() if own}, refused)


def tables_of(files: FolderFiles) -> list[str]:
    """The tables that name files and prompts."""
    return sorted({*files.tables, *(path for path in files.other_tables if PurePosixPath(path).name.lower() in TABLES)})


def _told(files: FolderFiles, table: str) -> Iterator[tuple[str, str, tuple[str, str | None] | None]]:
    """Of each row: the file, the prompt, and why it is refused."""
    names, place = Names(files.images), PurePosixPath(table)
    for row in tables.rows(place.suffix.lower(), (files.root / table).read_bytes()):
        if row.fault is not None:
            yield table, "", ("unreadable_row", f"{row.place}: {row.fault}")
            continue
        inside = names.inside(place.parent, row.file)
        image, hint = names.image(inside) if inside is not None else (None, None)
        for text in row.captions:
            if inside is None:
                yield row.file, text, ("outside_folder", f"{table}, {row.place}")
            elif image is None:
                yield row.file, text, ("no_picture", f"{table}, {row.place}: {hint}")
            else:
                yield image, text, None


def _by_names(file: str, by_slug: dict[str, list[int]], by_id: dict[str, list[int]]) -> list[int]:
    path = PurePosixPath(file)
    numbered = NUMBERED.fullmatch(path.stem)
    # In a folder, a number alone is that of the picture.
    own = "" if path.stem.isdigit() and path.parent.name else path.stem
    for name in (path.parent.name, own, numbered[1] if numbered else ""):
        if slug := _slug(name):
            places = by_slug.get(slug) or by_id.get(slug.lstrip("0") or "0")
            if places:
                return places
    return []


def _refusal(root: Path, file: str) -> tuple[str, str | None] | None:
    """A link may lead to a file that is nobody's picture."""
    path = (root / file.partition("?at=")[0]).resolve()
    return None if path.is_relative_to(root.resolve()) else ("outside_folder", "a link leads out of the folder")


def _text(prompt: str) -> str:
    return " ".join(unicodedata.normalize("NFC", prompt).split())


def _slug(prompt: str) -> str:
    return re.sub(r"[^\w]+|_+", "-", unicodedata.normalize("NFC", prompt).lower()).strip("-")


def _in_order(file: str) -> list[tuple[int, str]]:
    """So that 10.png comes after 9.png."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file) if part]
