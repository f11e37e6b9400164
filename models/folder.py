"""A model folder: all that drawing needs, with a list of its files and their digests. Imports no torch."""

import json
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pydantic import Field

from models.config import Frozen
from models.files import MODEL_MANIFEST, sha256_of
from models.training.errors import CheckpointError

FORMAT = 1


class StoredFile(Frozen):
    """Size and SHA-256 of a file, in hexadecimal."""

    bytes: int
    sha256: str


class ModelManifest(Frozen):
    """Content of model.json, which is written last.

    Attributes:
        made_from: what the models were made from, by name, for people.
        sampling: how the maker of the folder draws; fields of `models.generator.Sampling`.
        prompts: examples that the models can draw.
        files: every file of the folder but this one, by its path in it.
    """

    format: int = FORMAT
    made_from: dict[str, str] = Field(default_factory=dict)
    sampling: dict[str, int | float | str | None] = Field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    files: dict[str, StoredFile]

    @property
    def digest(self) -> str:
        """Names the folder by the content of its files."""
        lines = sorted(f"{path} {file.sha256}\n" for path, file in self.files.items())
        return sha256("".join(lines).encode()).hexdigest()


def describe_files(directory: Path) -> dict[str, StoredFile]:
    """Every file in a folder but its list of files, by its path in it."""
    paths = {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*")) if path.is_file()}
    return {name: _stored(path) for name, path in paths.items() if name != MODEL_MANIFEST}


def read_manifest(directory: Path) -> ModelManifest:
    """The list of a model folder's files.

    Raises:
        CheckpointError: the folder has none, or one that this version cannot read.
    """
    path = directory / MODEL_MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
        manifest = ModelManifest.model_validate(content) if version == FORMAT else None
    except FileNotFoundError:
        missing = f"it has no {MODEL_MANIFEST}" if directory.is_dir() else "there is no such folder"
        raise CheckpointError(f"{directory} is no model folder ({missing}): make one with `dalle export`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read as the list of a model folder's files: copy it again.") from error
    if manifest is None:
        raise CheckpointError(f"{path} is of format {version}, and this version reads format {FORMAT}: export again.")
    return manifest


def check_folder(directory: Path) -> None:
    """Compare every file of a model folder with its digest, since a damaged weight gives wrong pictures and no error.

    A folder without a list of files, such as a trainer's, is not checked.

    Raises:
        CheckpointError: a file is missing or changed, or the list cannot be read.
    """
    if not (directory / MODEL_MANIFEST).is_file():
        return
    for name, recorded in read_manifest(directory).files.items():
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise CheckpointError(f"{directory / MODEL_MANIFEST} lists {name}, which is not in its folder.")
        try:
            same = _stored(directory / inside) == recorded
        except OSError as error:
            reason = "missing" if isinstance(error, FileNotFoundError) else f"unreadable ({error.strerror})"
            raise CheckpointError(f"{directory / inside} is {reason}: copy the model folder again.") from error
        if not same:
            raise CheckpointError(
                f"{directory / inside} is not the file that was exported (its digest is another): "
                "copy the model folder again."
            )


def _stored(path: Path) -> StoredFile:
    return StoredFile(bytes=path.stat().st_size, sha256=sha256_of(path))
