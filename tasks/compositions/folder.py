"""Writes a corpus of compositions as a folder of pictures with a table of captions, as the crawl reads it."""

import csv
from pathlib import Path

from tasks.compositions.corpus import Corpus
from tasks.errors import ConfigError, StorageError

TABLE = "metadata.csv"


def write_folder(corpus: Corpus, folder: Path) -> None:
    """The pictures of a corpus, and a row of the table for each caption: file_name, caption and split.

    Raises:
        ConfigError: there is something at `folder`.
        StorageError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already holds something: name a new folder.")
    try:
        (folder / "images").mkdir(parents=True)
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("file_name", "caption", "split"))
            for composition in corpus.compositions:
                name = f"images/{composition.name}.jpg"
                (folder / name).write_bytes(corpus.picture(composition))
                table.writerows((name, caption, composition.split) for caption in composition.captions)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}.") from error
