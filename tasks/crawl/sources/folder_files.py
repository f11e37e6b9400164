"""The files of a folder that matter to a crawl, their names, and the digest of their content."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from models.files import sha256_of
from tasks.crawl.caption_files.tables import is_table
from tasks.engine import storage
from tasks.errors import SourceError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
UNREAD_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".ico"})
OTHER_TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx"})
SCHEME = "folder://"  # URLs of a folder's files; they do not say where the folder lies, so that it can be moved
FIRST = "folder"  # name of the first folder of a crawl, which its URLs leave out; a second one is named in them


@dataclass(frozen=True)
class FolderFiles:
    """Paths relative to `root`, with slashes, sorted. `unread_images` are of formats that are not read."""

    root: Path
    images: frozenset[str]
    unread_images: frozenset[str]
    tables: tuple[str, ...]
    texts: tuple[str, ...]
    other_tables: tuple[str, ...]

    @classmethod
    def of(cls, folder: str) -> "FolderFiles":
        """The files of a folder and the folders in it. Hidden ones and pictures that this pipeline drew are left out.

        Raises:
            SourceError: as `require_folder`.
        """
        root = Path(os.path.normpath(Path(folder).expanduser().absolute()))
        require_folder(root)
        paths = sorted(_paths(root))
        suffixes = {path: PurePosixPath(path).suffix.lower() for path in paths}
        tables = tuple(path for path in paths if is_table(PurePosixPath(path).name))
        return cls(
            root,
            frozenset(path for path in paths if suffixes[path] in IMAGE_SUFFIXES),
            frozenset(path for path in paths if suffixes[path] in UNREAD_SUFFIXES),
            tables,
            tuple(path for path in paths if suffixes[path] == ".txt"),
            tuple(path for path in paths if suffixes[path] in OTHER_TABLES and path not in tables),
        )

    def state(self) -> str:
        """Digest of the names and contents of pictures, captions and tables; of nothing else in the folder."""
        parts = [f"{path}\n" for path in sorted(self.unread_images)]
        parts += [
            f"{path}\n{digest_of(self.root / path)}" for path in sorted({*self.images, *self.tables, *self.texts})
        ]
        return storage.sha256("\n".join(parts).encode(errors="surrogateescape"))

    def expected_formats(self) -> str:
        """The suffixes of images, and those that were found in their place."""
        found = sorted({PurePosixPath(path).suffix.lower() for path in self.unread_images})
        return ", ".join(sorted(IMAGE_SUFFIXES)) + (f"; {', '.join(found)} are not read" if found else "")


def require_folder(folder: Path) -> None:
    """A source folder is there and can be read.

    Raises:
        SourceError: it is not.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise SourceError(f"The source folder {folder.absolute()} {what}: check source.sources.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(f"No permission to read the source folder {folder.absolute()}: check source.sources.")


def _paths(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        drawn_here = {"00.png", "sheet.png"} <= set(files)  # what `dalle generate` writes
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(place, name)
            if not name.startswith(".") and not drawn_here and path.is_file():
                yield path.relative_to(root).as_posix()


def digest_of(path: Path) -> str:
    """SHA-256 of a file, which is read once as long as it does not change."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@cache
def _digest(path: Path, *_: int) -> str:
    """SHA-256 of a file; kept while the process lives and the numbers, which any change of the file changes, stay."""
    return sha256_of(path)


def url_of(path: str, place: str = "", folder: str = FIRST) -> str:
    """The URL of a file of the folder of that name, and of a place in it. The same wherever the folder lies."""
    root = f"{SCHEME}{'' if folder == FIRST else folder}/"
    return root + quote(os.fsencode(path)) + (f"#{quote(place)}" if place else "")


def file_url(folder: str, url: str) -> str:
    """The `file:` URL of what `url_of` named, in the folder as it lies now."""
    _, _, name = url.removeprefix(SCHEME).partition("/")
    path = Path(folder, unquote(name, errors="surrogateescape"))
    return Path(os.path.normpath(path)).as_uri()


class Names:
    """Finds images by names that may differ in case, in Unicode normal form or in the kind of slash."""

    def __init__(self, images: Iterable[str]) -> None:
        self._images = frozenset(images)
        self._alike: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        self._stems_alike: dict[str, list[str]] = defaultdict(list)
        for image in sorted(self._images):
            stem = PurePosixPath(image).with_suffix("").as_posix()
            self._alike[_key(image)].append(image)
            self._stems[stem].append(image)
            self._stems_alike[_key(stem)].append(image)

    def inside(self, place: PurePosixPath, name: str) -> str | None:
        """The path in the folder of a name that a table in `place` gives; None if it leads out of the folder."""
        path = os.path.normpath(place / name)
        return None if path == ".." or path.startswith(("/", "../")) else path

    def image(self, path: str) -> tuple[str | None, str | None]:
        """The image of that path, or else the only one whose path is alike; or None and a hint."""
        if path in self._images:
            return path, None
        alike = self._alike.get(_key(path), [])
        if len(alike) == 1:
            return alike[0], None
        if alike:
            return None, f"{path} differs in case or normal form from {' and '.join(alike)}: say which"
        stem = PurePosixPath(path).with_suffix("").as_posix() if PurePosixPath(path).name else path
        near_misses = self._stems_alike.get(_key(path)) or self._stems_alike.get(_key(stem))
        near = f"; there is {near_misses[0]}" if near_misses else ""
        return None, f"there is no file {path}{near}"

    def images_beside(self, text_file: str) -> tuple[list[str], str | None]:
        """The images that a text file captions: of the same name without suffix, or else of one that is alike."""
        stem = PurePosixPath(text_file).with_suffix("").as_posix()
        if stem in self._images:  # cat.jpg.txt
            return [stem], None
        if stem in self._stems:
            return self._stems[stem], None
        alike = self._stems_alike.get(_key(stem), [])
        if len({PurePosixPath(image).with_suffix("") for image in alike}) > 1:
            return [], f"its name differs in case or normal form from {' and '.join(alike)}: say which"
        return alike, None if alike else f"no image has the name {stem} and one of the suffixes of images"


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.replace("\\", "/")).casefold())
