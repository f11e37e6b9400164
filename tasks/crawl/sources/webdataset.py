"""WebDataset: tars of pictures with captions, as webdataset and img2dataset write them: KEY.jpg, KEY.txt, KEY.json."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import PurePosixPath
from typing import IO, Any, ClassVar, Literal
from urllib.parse import quote

import pyarrow as pa

from tasks.crawl.caption_files.decoding import decode, is_damaged, printable
from tasks.crawl.caption_files.tables import CAPTION_COLUMNS
from tasks.crawl.lists.listed import ROWS
from tasks.crawl.packed.packed_source import PackedSource, too_large
from tasks.crawl.packed.tar_members import Member, Refusal, members
from tasks.crawl.sources.folder_files import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from tasks.crawl.splits import split_named
from tasks.engine import storage
from tasks.errors import SourceError
from tasks.web.refusals import RefusedError

ROWS_AT_ONCE = 2_000
MAX_TEXT_BYTES = 2**20
LICENCE_KEYS = ("license", "licence")
PLACE = re.compile(r"\?at=(\d+)&bytes=(\d+)#.*")

Row = dict[str, str | None]


class WebDatasetSource(PackedSource):
    """Tars in which files of one name, up to its first dot, follow each other and are a sample.

    A sample is a picture (jpg, png, webp and so on) and its caption: that of its txt, or those of its json, a text or a
    list in a field such as caption. Of the json also license, split, and url as the page it comes from.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".tar",)

    kind: Literal["webdataset"] = "webdataset"

    def batches(self, part: str) -> Iterator[pa.Table]:
        """A pair of each caption of each sample, or what is wrong with it."""
        fs, path = storage.filesystem(part)
        try:
            with storage.plain_errors(part, "read", "source.sources"), fs.open(path, "rb") as file:
                found = _rows(file)
                while batch := list(islice(found, ROWS_AT_ONCE)):
                    yield pa.Table.from_pylist(batch, ROWS)
        except FileNotFoundError as error:
            raise SourceError(f"{part} does not exist any more: check source.sources.") from error

    def pictures(self, part: str, places: Sequence[str], max_bytes: int) -> Iterator[tuple[str, bytes | RefusedError]]:
        """The members that begin at the byte a place names."""
        fs, path = storage.filesystem(part)
        with storage.plain_errors(part, "read", "source.sources"), fs.open(path, "rb") as file:
            for place, start, size in sorted(map(_span, places), key=lambda span: span[1]):
                if size > max_bytes:
                    yield place, too_large(size)
                    continue
                file.seek(start)
                yield place, file.read(size)


def _span(place: str) -> tuple[str, int, int]:
    """The place, and the first byte and number of bytes that it names."""
    found = PLACE.fullmatch(place)
    if found is None:
        raise ValueError(f"{place} names no bytes of a tar")
    return place, int(found[1]), int(found[2])


def _rows(file: IO[bytes]) -> Iterator[Row]:
    """The rows of a tar, of the schema ROWS."""
    for key, found in groupby(members(file), _key):
        if key is None:
            yield from (_refused(each) for each in found if isinstance(each, Refusal))
        else:
            yield from _sample(file, key, [each for each in found if isinstance(each, Member)])


def _key(member: Member | Refusal) -> str | None:
    """The name up to the first dot of its last part; None for what belongs to no sample."""
    if isinstance(member, Refusal):
        return None
    folder, _, name = member.name.rpartition("/")
    if name.startswith((".", "__")):  # of the machine that wrote it, or about the archive
        return None
    return f"{folder}/{name.partition('.')[0]}".lstrip("/")


def _refused(member: Refusal) -> Row:
    return {"place": printable(member.name) or "the archive", "excluded": f"{member.reason}: {member.detail}"}


def _sample(file: IO[bytes], key: str, found: Iterable[Member]) -> Iterator[Row]:
    images = [each for each in found if _suffix(each) in IMAGE_SUFFIXES]
    unread = [each for each in found if _suffix(each) in UNREAD_SUFFIXES]
    text = next((each for each in found if _suffix(each) == ".txt"), None)
    about = next((each for each in found if _suffix(each) == ".json"), None)
    if not (images or unread or text or about):
        return
    row: Row = {"place": printable(key)}
    try:
        stated = _fields(file, about) if about is not None else {}
        captions = [_text(file, text).strip()] if text is not None else _captions(stated)
    except ValueError as error:
        yield row | {"fault": printable(str(error))}
        return
    if len(images) > 1:
        yield row | {"fault": f"{len(images)} pictures: {', '.join(printable(each.name) for each in images)[:100]}"}
    elif not images:
        why = "no_image: no picture has its name"
        if unread:
            why = f"unsupported_format: {_suffix(unread[0])} is not read: convert it to JPEG or PNG"
        yield from (row | {"excluded": why, "alt": caption} for caption in captions or [None])
    else:
        image = images[0]
        row["url"] = f"?at={image.start}&bytes={image.size}#{quote(image.name, errors='surrogateescape')}"
        texts = {name: value for name, value in stated.items() if isinstance(value, str)}
        row |= {"page_url": texts.get("url"), "split": split_named(texts.get("split", ""))}
        row["licence"] = next((texts[name] for name in LICENCE_KEYS if texts.get(name)), None)
        empty = row | {"excluded": "no_caption: no txt, and no json with a caption"}
        yield from ([row | {"alt": caption} for caption in captions if caption] or [empty])


def _suffix(member: Member) -> str:
    """What follows the key."""
    return f".{PurePosixPath(member.name).name.partition('.')[2].lower()}"


def _text(file: IO[bytes], member: Member) -> str:
    """A text file.

    Raises:
        ValueError: it is too large, or holds bytes without meaning.
    """
    if member.size > MAX_TEXT_BYTES:
        raise ValueError(f"{member.name} has {member.size} bytes")
    file.seek(member.start)
    text, encoding = decode(file.read(member.size))
    if is_damaged(text):
        raise ValueError(f"{member.name} is not {encoding}: it holds bytes without meaning")
    return text


def _fields(file: IO[bytes], member: Member) -> dict[str, Any]:
    """What is in the JSON, by names in lower case; texts that are none are left out.

    Raises:
        ValueError: it holds no JSON object.
    """
    try:
        content = json.loads(_text(file, member))
    except RecursionError as error:
        raise ValueError(f"{member.name} is no JSON: nested too deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{member.name} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{member.name} holds no JSON object")
    kept = (*CAPTION_COLUMNS, *LICENCE_KEYS, "url", "split")
    fields = {str(name).lower(): value for name, value in content.items() if str(name).lower() in kept}
    for name, value in fields.items():
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and is_damaged(text) for text in texts):
            raise ValueError(f"{member.name}: {name} holds characters without meaning")
    return {name: value for name, value in fields.items() if isinstance(value, str | list)}


def _captions(fields: dict[str, Any]) -> list[str | None]:
    """The different captions of the first field that holds some."""
    for name in CAPTION_COLUMNS:
        value = fields.get(name)
        texts = [text.strip() for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        if any(texts):
            return list(dict.fromkeys(filter(None, texts)))
    return []
