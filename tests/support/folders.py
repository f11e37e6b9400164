"""Folders of pictures for tests of the folder source."""

from pathlib import Path


def pictures_in(folder: Path, *names: str) -> Path:
    """Files of these names, which nothing decodes, in the folder; gives the folder back."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder
