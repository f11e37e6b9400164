"""A folder of images with captions: text files of the same name, or tables such as captions.csv and metadata.jsonl."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, field_validator

from tasks.crawl.candidates import Reference, Verdict, shard_of
from tasks.crawl.caption_files import tables
from tasks.crawl.caption_files.decoding import decode, is_damaged, printable
from tasks.crawl.sources.folder_files import FIRST, FolderFiles, Names, file_url, require_folder, url_of
from tasks.crawl.sources.source import SourceConfig
from tasks.crawl.splits import TRAIN, VALIDATION, split_named
from tasks.engine.output import Shard
from tasks.errors import SourceError
from tasks.settings import Settings
from tasks.web.download import without_credentials
from tasks.web.refusals import RefusedError

HOW_TO_CAPTION = (
    "give each image a text file of the same name (cat.jpg, cat.txt), or put a captions.csv with the columns "
    "file,caption beside them"
)
HOW_TO_STATE_SPLITS = "name splits train, validation or test, or give a column that states none another name than split"
MESSAGES = 3  # faults that the error about a folder without captions quotes


class FolderSource(SourceConfig):
    """A folder of images with captions on this machine, as the README describes it."""

    kind: Literal["folder"] = "folder"
    path: str = Field(description="Folder of images with captions.")
    encoding: str | None = Field(
        None, description="Encoding of captions without byte order mark, such as cp1252; detected if unset."
    )

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        # So that later stages, which may run in another working directory, find it too.
        if not path.strip():
            raise ValueError("is empty: name a folder")
        if "://" in path:
            raise ValueError(f"'{without_credentials(path)}' is no folder of this machine: give a path, or http(s)://")
        return os.path.normpath(Path(path).expanduser().absolute())

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"'{encoding}' is no encoding Python knows, such as utf-8 or cp1252") from error
        return encoding

    def require(self) -> None:
        """The folder is there and can be read."""
        require_folder(Path(self.path))

    def fingerprinted(self) -> dict[str, Any]:
        """The folder counts by its content, in `outside_state`, and not by where it lies."""
        return super().fingerprinted() | {"path": "by content"}

    def outside_state(self) -> str:
        """Digest of its pictures and captions."""
        return FolderFiles.of(self.path).state()

    def parts(self) -> list[str]:
        """The folder as a whole, since a caption may lie anywhere in it."""
        return [self.path]

    def located(self, urls: Sequence[str], folder: Path, max_bytes: int) -> dict[str, str | RefusedError]:
        """The `file:` URL of each picture as the folder lies now; nothing is copied."""
        return {url: file_url(self.path, url) for url in urls}

    def read(self, name: str, part: str, settings: Settings) -> Shard:
        """As `crawl_folder`."""
        return crawl_folder(self.licence, part, self.encoding, name)


@dataclass(frozen=True)
class Caption:
    """A caption as a file holds it, with the split as it is written beside it.

    `target` is the image's path in the folder; `fault` says why the caption cannot be read.
    """

    file: str
    place: str
    target: str = ""
    text: str = ""
    split: str | None = None
    fault: str | None = None
    hint: str | None = None

    @property
    def found_at(self) -> str:
        """File and line."""
        return f"{self.file} {self.place}"


def crawl_folder(licence: str | None, folder: str, encoding: str | None = None, name: str = FIRST) -> Shard:
    """Every caption, and every image without one, is one row: a candidate, or a reject that says what is missing.

    Args:
        encoding: that of caption files without a byte order mark; None to detect it.
        name: value of the column `source`; part of the URLs, unless it is that of the first folder.

    Raises:
        SourceError: the folder is missing, or holds no images or no captions.
    """
    files = FolderFiles.of(folder)
    if not files.images:
        raise SourceError(
            f"{files.root} holds no images ({files.expected_formats()}): name another folder in source.sources"
            f"{_packed_hint(files.root)}."
        )
    captions = list(_captions(files, encoding))
    splits = split_folders(files.images)
    url = partial(url_of, folder=name)
    judged = [_judged(files, caption, licence, splits, url) for caption in captions]
    if not any(verdict is None for _, verdict in judged):
        raise SourceError(_without_captions(files, captions, [verdict for _, verdict in judged if verdict]))
    mentioned = {caption.target for caption in captions}
    for image in sorted({*files.images, *files.unread_images} - mentioned):
        verdict = Verdict("no_caption") if image in files.images else _unread(image)
        judged.append((Reference(url(image), None, url(""), licence), verdict))
    verdicts = dict(judged)
    return shard_of([reference for reference, _ in judged], name, verdicts.__getitem__, {})


def split_folders(images: Iterable[str]) -> dict[str, str]:
    """The split of each folder at the top that is named for one, as in Hugging Face's imagefolder.

    Only where both training and held-out images lie in such folders, so that a folder that is called "test" by chance
    states nothing.
    """
    tops = {path.split("/")[0] for path in images if "/" in path}
    named = {top: split for top in tops if (split := split_named(top))}
    return named if {TRAIN, VALIDATION} <= set(named.values()) else {}


def _judged(
    files: FolderFiles,
    caption: Caption,
    licence: str | None,
    splits: Mapping[str, str],
    url_of: Callable[..., str],
) -> tuple[Reference, Verdict | None]:
    url = url_of(caption.target or caption.file)
    split = split_named(caption.split) if caption.split else splits.get(caption.target.split("/")[0])
    reference = Reference(url, caption.text or None, url_of(caption.file, caption.place), licence, split=split)
    if caption.fault is not None:
        return reference, Verdict("unreadable_caption", printable(f"{caption.found_at}: {caption.fault}"))
    if caption.target in files.unread_images:
        return reference, _unread(caption.target)
    if caption.target not in files.images:
        detail = f"{caption.found_at}: {caption.hint or f'there is no file {caption.target}'}"
        return reference, Verdict("no_image", printable(detail))
    if caption.split and split is None:
        detail = f"{caption.found_at}: '{caption.split[:40]}' is no split such as train, validation or test"
        return reference, Verdict("unknown_split", printable(detail))
    return reference, None if caption.text else Verdict("no_caption", printable(f"{caption.found_at} is empty"))


def _captions(files: FolderFiles, encoding: str | None) -> Iterator[Caption]:
    names = Names([*files.images, *files.unread_images])
    for path in files.tables:
        yield from _of_table(names, path, (files.root / path).read_bytes(), encoding)
    for path in files.texts:
        data = (files.root / path).read_bytes()
        if tables.is_headed(data, encoding):
            yield from _of_table(names, path, data, encoding)
        else:
            yield from _of_text(names, path, data, encoding)


def _of_table(names: Names, table: str, data: bytes, encoding: str | None) -> Iterator[Caption]:
    place = PurePosixPath(table)
    for row in tables.rows(place.suffix.lower(), data, encoding):
        if row.fault is not None:
            yield Caption(table, row.place, fault=row.fault)
            continue
        target = names.inside(place.parent, row.file)
        if target is None:
            yield Caption(table, row.place, fault=f"{row.file} lies outside the folder: copy it in")
            continue
        found, hint = names.image(target)
        for text in row.captions:
            yield Caption(table, row.place, found or target, text, row.split, hint=hint)


def _of_text(names: Names, file: str, data: bytes, encoding: str | None) -> Iterator[Caption]:
    """Each line is a caption, for each image of that name: cat.png and cat.jpg may share cat.txt."""
    text, found = decode(data, encoding)
    lines = [(f"line {number}", line.strip()) for number, line in enumerate(StringIO(text, newline=None), 1)]
    images, hint = names.images_beside(file)
    # A caption without an image is reported under the path the image would have.
    for target in images or [PurePosixPath(file).with_suffix(".jpg").as_posix()]:
        for place, line in [line for line in lines if line[1]] or [("line 1", "")]:
            if is_damaged(line):
                yield Caption(file, place, target, fault=f"not {found}: the line holds bytes without meaning")
            else:
                yield Caption(file, place, target, line, hint=hint)


def _unread(image: str) -> Verdict:
    return Verdict(
        "unsupported_format", f"{PurePosixPath(image).suffix.lower()} is not read: convert it to JPEG or PNG"
    )


def _without_captions(files: FolderFiles, captions: Iterable[Caption], verdicts: list[Verdict]) -> str:
    faults = [verdict.detail for verdict in verdicts if verdict.detail][:MESSAGES]
    faults += [f"{path} is not read: a table is named captions or metadata" for path in files.other_tables[:MESSAGES]]
    found = f" Found: {'; '.join(faults)}." if faults else ""
    if any(verdict.reason == "unknown_split" for verdict in verdicts):
        return printable(f"{files.root} holds no captioned image of a known split: {HOW_TO_STATE_SPLITS}.{found}")
    return printable(f"{files.root} holds images but no captions: {HOW_TO_CAPTION}.{found}")


def _packed_hint(root: Path) -> str:
    """What to do with a folder of files that hold pictures; empty for others."""
    found = {path.suffix for path in root.iterdir()}
    kinds = [kind for suffix, kind in ((".tar", "webdataset"), (".parquet", "huggingface")) if suffix in found]
    return f", or set its kind to {' or '.join(kinds)}" if kinds else ""
