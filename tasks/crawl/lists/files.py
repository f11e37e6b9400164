"""What the kinds of sources that are files have in common: where the files lie, how they count, what is written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from tasks import schemas
from tasks.crawl.sources.folder_files import digest_of
from tasks.crawl.sources.source import SourceConfig
from tasks.engine import storage
from tasks.engine.row_groups import TableFile
from tasks.errors import SourceError
from tasks.settings import Settings
from tasks.web.download import without_credentials

ROWS_PER_SHARD = 100_000  # of the tables that are written; a batch more at most

# In the addresses and names of licences: by-nc-nd, CC BY-NC 4.0, Attribution-NonCommercial-NoDerivs License.
LICENCES = {"nc": r"(?i)\bnc\b|non-?commercial", "nd": r"(?i)\bnd\b|no-?deriv"}


class FilesSource(SourceConfig):
    """Base of the kinds that are a file or a folder of files; a file is read by one worker.

    Attributes:
        suffixes: ends of the names of the files that are read of a folder.
    """

    suffixes: ClassVar[tuple[str, ...]]

    path: str = Field(description="File, folder of files or pattern such as a/*.tsv, here or at an s3:// address.")
    split: Literal["train", "validation"] | None = Field(None, description="Split that all its pairs belong to.")
    exclude_licences: tuple[Literal["nc", "nd"], ...] = Field(
        (), description="Reject pairs whose stated licence forbids commercial use (nc) or derivatives (nd)."
    )

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not path.strip():
            raise ValueError("is empty: name a file or a folder")
        if storage.is_s3(path):
            return path.rstrip("/")
        if "://" in path:
            raise ValueError(f"'{without_credentials(path)}' is neither a local path nor an s3:// address")
        return str(Path(path).expanduser().absolute())

    def require(self) -> None:
        """There is a file to read."""
        self.parts()

    def parts(self) -> list[str]:
        """The file, or those of the folder or of a pattern, such as a/*.tsv, that have one of the suffixes."""
        fs, path = storage.filesystem(self.path)
        try:
            with storage.plain_errors(self.path, "read", "source.sources"):
                if fs.info(path)["type"] == "file":  # not isfile, which takes what may not be read for absent
                    return [self.path]
            found = [f"{self.path}/{name}" for name in self._in_folder(fs, path)]
        except FileNotFoundError:
            found = storage.matching(self.path)
            if not found:
                raise SourceError(f"{self.path} does not exist: check source.sources.") from None
        files = sorted(file for file in found if file.endswith(self.suffixes))
        if not files:
            raise SourceError(f"{self.path} holds no file ending in {', '.join(self.suffixes)}: check source.sources.")
        return files

    def _in_folder(self, fs: Any, path: str) -> list[str]:
        """Paths inside the folder of the files that are looked at."""
        return [name for name in storage.names(self.path) if name[0] != "."]

    def fingerprinted(self) -> dict[str, Any]:
        """The files count by their names and content, in `outside_state`, and not by where they lie."""
        return super().fingerprinted() | {"path": "by content"}

    def outside_state(self) -> str:
        """Digest of the names and contents of the files; on S3 of their sizes and entity tags, which tell contents."""
        return storage.sha256("\n".join(f"{file_name(part)} {self.content_of(part)}" for part in self.parts()).encode())

    def content_of(self, part: str) -> str:
        """What changes with the content of a file.

        Raises:
            SourceError: there is no such file.
        """
        fs, path = storage.filesystem(part)
        try:
            with storage.plain_errors(part, "read", "source.sources"):
                if storage.is_local(part):
                    return digest_of(Path(path))
                found = fs.info(path)
        except FileNotFoundError:
            raise SourceError(f"{part} does not exist: check source.sources.") from None
        return f"{found['size']} {found.get('ETag', '')}"


@contextmanager
def shard_files(settings: Settings) -> Iterator[tuple[TableFile, TableFile]]:
    """Files for the candidates and for the rejects of a shard, for whoever stores it; removed if the block fails."""
    candidates = TableFile(schemas.CANDIDATES, settings, ROWS_PER_SHARD)
    rejects = TableFile(schemas.REJECTS, settings, ROWS_PER_SHARD)
    try:
        yield candidates, rejects
    except BaseException:
        candidates.close()
        rejects.close()
        raise


def file_name(part: str) -> str:
    """The name of a file without the folders around it."""
    return re.sub(".*/", "", part)
