"""Folders of pictures for tests of the folder source."""

from pathlib import Path

from tasks.crawl.sources.folder import crawl_folder
from tasks.errors import SourceError


def pictures_in(folder: Path, *names: str) -> Path:
    """Files of these names, which nothing decodes, in the folder; gives the folder back."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def check_rows_or_one_error(folder: Path, files: dict[str, bytes], *pictures: str) -> None:
    """Every row of the folder is accounted for, or refused with one message; it holds nothing but these files."""
    for old in folder.iterdir():
        old.unlink()
    pictures_in(folder, *pictures)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        shard = crawl_folder(None, str(folder))
    except SourceError as error:
        str(error).encode()  # the message can be printed
        return
    assert shard.rows_in == shard.tables["candidates"].num_rows + shard.rejects.num_rows > 0
