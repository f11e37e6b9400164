"""What the kinds have in common whose files hold pictures with their captions, many in each."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

from tasks.crawl.lists.files import file_name
from tasks.crawl.lists.listed import ListSource
from tasks.crawl.splits import split_named
from tasks.web.refusals import RefusedError

ADDRESS = re.compile(r"[^:]+:///(?P<file>[^?#]*)(?P<place>[?#].*)")
MAGIC = re.compile(r"[*?\[]")


class PackedSource(ListSource):
    """Base of the kinds whose files hold the pictures too.

    The URL of a picture is the name of the source, the file's path below `path`, and a place in the file, which a kind
    writes in the column `url` of its `batches`, beginning with ? or #. So it is the same wherever the files lie.
    """

    address: ClassVar[str] = r"^[^:/]+:///[^\s]+$"
    unusable_address: ClassVar[str] = "no place in a file: "

    def located(self, urls: Sequence[str], folder: Path, max_bytes: int) -> dict[str, str | RefusedError]:
        """The `file:` URL of each picture, unpacked to an empty folder; or why there is none.

        Args:
            max_bytes: larger ones are not unpacked.

        Raises:
            SourceError: a file is gone or damaged.
            StorageError: one cannot be read, or the folder cannot be written.
        """
        by_file: dict[str, dict[str, str]] = {}
        for url in urls:
            found = ADDRESS.fullmatch(url)
            if found is None:
                raise ValueError(f"{url} is no address of a picture in a file")
            by_file.setdefault(found["file"], {})[found["place"]] = url
        located: dict[str, str | RefusedError] = {}
        for file, places in by_file.items():
            part = self._part(unquote(file, errors="surrogateescape"))
            for place, content in self.pictures(part, list(places), max_bytes):
                if isinstance(content, bytes):
                    path = folder / f"{len(located):06d}"
                    path.write_bytes(content)
                    located[places[place]] = path.as_uri()
                else:
                    located[places[place]] = content
        return located

    def pictures(self, part: str, places: Sequence[str], max_bytes: int) -> Iterator[tuple[str, bytes | RefusedError]]:
        """The pictures of one file at these places, in any order, one at a time; or why there is none."""
        raise NotImplementedError

    def split_in_name(self, part: str) -> str | None:
        """The split that the file's path below `path` states, as Hugging Face's names do: train-00000-of-00003.

        Of several words that name one the last counts, since the file's own name says more than the folders around it.
        """
        words = re.split(r"[^A-Za-z]+", self._relative(part))
        return next((split for word in reversed(words) if (split := split_named(word))), None)

    def _in_folder(self, fs: Any, path: str) -> list[str]:
        """Those of the folders in the folder too, hidden ones left out."""
        found = [each[len(path) :].strip("/") for each in fs.find(path)]
        return [each for each in found if not any(name.startswith(".") for name in PurePosixPath(each).parts)]

    @property
    def _above(self) -> str:
        """The folder that paths of files are told from: `path`, or what of it stands before a pattern begins."""
        start = MAGIC.split(self.path)[0]
        return self.path if start == self.path else start.rpartition("/")[0]

    def _relative(self, part: str) -> str:
        return file_name(part) if part == self.path else part.removeprefix(f"{self._above}/")

    def _part(self, relative: str) -> str:
        return self.path if relative == file_name(self.path) else f"{self._above}/{relative}"

    def _root(self, name: str, part: str) -> str:
        return f"{name}:///{quote(self._relative(part), errors='surrogateescape')}"

    def _judged(self, name: str, part: str, batch: pa.Table) -> tuple[pa.Table, pa.Table]:
        urls = pc.binary_join_element_wise(self._root(name, part), batch["url"], "")
        splits = pc.coalesce(batch["split"], pa.scalar(self.split_in_name(part), pa.string()))
        batch = batch.set_column(batch.schema.get_field_index("url"), "url", urls)
        return super()._judged(name, part, batch.set_column(batch.schema.get_field_index("split"), "split", splits))


def too_large(size: int) -> RefusedError:
    """Why a picture of so many bytes is not unpacked."""
    return RefusedError("too_large", f"{size} bytes")
