"""A folder of images with captions: text files of the same name, a CSV table, or Hugging Face's metadata.jsonl."""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.crawl.candidates import Reference, Verdict, shard_of
from tasks.engine import storage
from tasks.engine.output import Shard
from tasks.errors import SourceError

SOURCE = "folder"
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
TABLES = ("metadata.csv", "captions.csv", "metadata.jsonl")
FILE_COLUMNS = ("file", "file_name")
CAPTION_COLUMNS = ("caption", "text")
HOW_TO_CAPTION = (
    "give each image a text file of the same name (cat.jpg, cat.txt), or put a captions.csv with the columns "
    "file,caption beside them"
)


def folder_state(folder: str) -> str:
    """Digest of names, sizes and times of everything in the folder, and of the captions' text.

    Raises:
        SourceError: there is no such folder.
    """
    root = _existing(folder)
    parts = []
    for path in _files(root):
        status = path.stat()
        parts.append(f"{path.relative_to(root).as_posix()}\n{status.st_size}\n{status.st_mtime_ns}")
        if path.suffix == ".txt" or path.name in TABLES:
            parts.append(storage.sha256(path.read_bytes()))
    return storage.sha256("\n".join(parts).encode(errors="surrogateescape"))


def crawl_folder(licence: str | None, folder: str) -> Shard:
    """Every image and every caption of the folder is one row: a candidate, or a reject if it has no counterpart.

    Raises:
        SourceError: the folder is missing, or holds no images, no captions or an unusable table.
    """
    root = _existing(folder)
    images = {path for path in _files(root) if path.suffix.lower() in IMAGE_SUFFIXES}
    if not images:
        raise SourceError(f"{root} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}): name another source.folder.")
    captions = dict(_captions(root, images))
    if not any(image in images and caption.strip() for image, caption in captions.items()):
        raise SourceError(f"{root} holds images but no captions: {HOW_TO_CAPTION}.")
    references = [
        Reference(path.as_uri(), captions.get(path), root.as_uri(), licence) for path in sorted(images | set(captions))
    ]
    existing = {path.as_uri() for path in images}

    def judge(reference: Reference) -> Verdict | None:
        if reference.url not in existing:
            return Verdict("no_image")
        return None if (reference.alt or "").strip() else Verdict("no_caption")

    return shard_of(references, SOURCE, judge, {})


def _existing(folder: str) -> Path:
    root = Path(os.path.normpath(Path(folder).expanduser().absolute()))
    if not root.is_dir():
        raise SourceError(f"There is no folder {root}: check source.folder.")
    return root


def _files(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _captions(root: Path, images: set[Path]) -> Iterator[tuple[Path, str]]:
    """Image path and caption of every caption found. The last one of an image counts: text files come last."""
    for name in TABLES:
        if (root / name).is_file():
            for row in _rows(root / name):
                yield _pair(root, name, row)
    by_stem = {image.with_suffix(""): image for image in sorted(images)}
    for path in _files(root):
        if path.suffix == ".txt":
            # A caption without an image is reported under the path the image would have.
            yield by_stem.get(path.with_suffix(""), path.with_suffix(".jpg")), path.read_text(errors="replace").strip()


def _rows(table: Path) -> Iterator[dict[str, Any]]:
    text = table.read_text(encoding="utf-8-sig", errors="replace")
    try:
        if table.suffix == ".jsonl":
            yield from (dict(json.loads(line)) for line in text.splitlines() if line.strip())
        else:
            yield from csv.DictReader(io.StringIO(text, newline=""))
    except (ValueError, TypeError, csv.Error) as error:
        raise SourceError(f"{table} cannot be read ({error}): repair it, or remove it.") from error


def _pair(root: Path, table: str, row: dict[str, Any]) -> tuple[Path, str]:
    file = next((str(row[name]) for name in FILE_COLUMNS if row.get(name)), None)
    if file is None or not any(name in row for name in CAPTION_COLUMNS):
        raise SourceError(
            f"{root / table} needs a column {' or '.join(FILE_COLUMNS)} and a column {' or '.join(CAPTION_COLUMNS)}."
        )
    path = Path(os.path.normpath(root / file))
    if not path.is_relative_to(root):
        raise SourceError(f"{root / table} names {file}, which lies outside the folder: copy it in, or drop the row.")
    return path, next((str(row[name]) for name in CAPTION_COLUMNS if row.get(name)), "")
