"""Pictures with captions in tars, as webdataset, img2dataset and `dalle export-dataset` write them."""

from collections.abc import Iterator
from pathlib import Path

from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.errors import SourceError
from tasks.web.refusals import RefusedError

MAX_BYTES = 64 << 20  # of a picture
PLACE = ".tar?at="


def tars_of(root: Path) -> list[str]:
    """The tars of a folder and the folders in it, as paths in the folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.tar") if path.is_file())


def told_by_tar(root: Path, tar: str) -> Iterator[tuple[str, str, tuple[str, str | None] | None]]:
    """Of each sample: the file with the picture's place in it, the prompt, and why it is refused."""
    for batch in WebDatasetSource(path=str(root)).batches(str(root / tar)):
        for row in batch.to_pylist():
            reason, _, detail = (
                row["excluded"] or (f"unreadable_row: {row['fault']}" if row["fault"] else "")
            ).partition(": ")
            refused = (reason, detail or None) if reason else None
            yield f"{tar}{row['url'] or '#' + row['place']}", row["alt"] or "", refused


def read_picture(root: Path, file: str) -> bytes:
    """The bytes of a picture, by its path or by its place in a tar.

    Raises:
        OSError: it cannot be read, or is too large.
    """
    if PLACE not in file:
        return (root / file).read_bytes()
    tar, _, place = file.partition("?")
    try:
        [(_, content)] = WebDatasetSource(path=str(root)).pictures(str(root / tar), [f"?{place}"], MAX_BYTES)
    except SourceError as error:
        raise OSError(str(error)) from error
    if isinstance(content, RefusedError):
        raise OSError(str(content))
    return content
