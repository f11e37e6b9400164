"""One side of a study: a picture for each prompt, wherever such pictures lie."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks import schemas
from tasks.crawl.caption_files.decoding import decode
from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact, lineage
from tasks.errors import ConfigError, SourceError

RECORD = "pictures.json"  # of one prompt, as `dalle generate` writes it
BEST, FIRST = "00.png", "candidates/0000.png"
FILE_COLUMNS = ("file", "file_name")
PROMPT_COLUMNS = ("prompt", "caption", "text")
SAMPLES, ORIGINALS = "rerank", "pack"  # stages
REMEDY = (
    "name a folder of `dalle generate`, a folder with a CSV file of the columns file and prompt, or a finished "
    "artifact of rerank (its samples) or pack (its held-out originals), as `dalle lineage` lists them"
)


@dataclass(frozen=True)
class Place:
    """Where a picture lies: a file, or a row of a Parquet shard."""

    uri: str
    row: int | None = None


@dataclass(frozen=True)
class PictureSide:
    """Pictures by prompt. `name` is what a person called the side by."""

    name: str
    places: dict[str, Place]

    def pictures(self, prompts: Iterable[str]) -> dict[str, bytes]:
        """The encoded pictures of some prompts. A shard is read once, and only its images.

        Raises:
            SourceError: a picture is not there.
            DamagedArtifactError: a shard is damaged.
        """
        rows: dict[str, dict[str, int]] = defaultdict(dict)
        found = {}
        for prompt in prompts:
            place = self.places[prompt]
            if place.row is None:
                found[prompt] = _read(place.uri)
            else:
                rows[place.uri][prompt] = place.row
        for uri, wanted in rows.items():
            images = schemas.read_table(uri, ["image"])["image"]
            found |= {prompt: images[row].as_py() for prompt, row in wanted.items()}
        return found


def read_side(name: str, first: bool = False) -> PictureSide:
    """What a person named as a side.

    Args:
        name: a folder of `dalle generate` or of several such folders; a folder with a CSV file that names pictures and
            prompts; or the address of an artifact.
        first: of several candidates take the one drawn first, in place of the one ranked best.

    Raises:
        SourceError: it is none of these, or has no pictures.
        ConfigError: it has several pictures of one prompt to choose from.
    """
    if storage.exists(f"{name.rstrip('/')}/{MANIFEST}"):
        places = _of_artifact(name.rstrip("/"), first)
    elif not Path(name).is_dir():
        raise SourceError(f"There is no folder {name}: {REMEDY}.")
    else:
        folder = Path(name)
        records = sorted({*folder.glob(RECORD), *folder.glob(f"*/{RECORD}")})
        places = _of_records(records, first) if records else _of_tables(folder)
    if not places:
        raise SourceError(f"{name} holds no pictures with prompts: {REMEDY}.")
    return PictureSide(name, places)


def _of_artifact(uri: str, first: bool) -> dict[str, Place]:
    root, stage, fingerprint = uri.rsplit("/", 2) if uri.count("/") > 1 else (".", *uri.rsplit("/", 1))
    named = Artifact(root=root, stage=stage, fingerprint=fingerprint)
    if stage == ORIGINALS:
        uris, prompt, column = named.files("val"), "caption", None
    else:
        samples = next((each for each in lineage(named) if each.stage == SAMPLES), None)
        if samples is None:
            raise SourceError(f"{uri} has no samples: {REMEDY}.")
        uris, prompt, column = samples.files("scores"), "prompt", "index" if first else "rank"
    places: dict[str, Place] = {}
    for shard in uris:
        table = schemas.read_table(shard, [prompt, *([column] if column else [])])
        chosen = table[column].to_pylist() if column else [0] * table.num_rows
        for row, (text, place) in enumerate(zip(table[prompt].to_pylist(), chosen, strict=True)):
            if place == 0:
                places.setdefault(text.strip(), Place(shard, row))
    return places


def _of_records(files: Iterable[Path], first: bool) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for file in files:
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            prompt, finished = record["prompt"].strip(), record["finished"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{file} is not a record of `dalle generate`: {REMEDY}.") from error
        if not finished:
            raise SourceError(f"{file.parent} was not finished: draw its pictures again.")
        if prompt in places:
            raise ConfigError(
                f"{file.parent} and {Path(places[prompt].uri).parent} both hold pictures of '{prompt}': "
                "move one of them elsewhere."
            )
        places[prompt] = Place(str(file.parent / (FIRST if first else BEST)))
    return places


def _of_tables(folder: Path) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for table in sorted(folder.glob("*.csv")):
        text, _ = decode(table.read_bytes())
        reader = csv.DictReader(io.StringIO(text, newline=""))
        names = reader.fieldnames or []
        file_column = next((name for name in FILE_COLUMNS if name in names), None)
        prompt_column = next((name for name in PROMPT_COLUMNS if name in names), None)
        if file_column is None or prompt_column is None:
            raise SourceError(f"{table} has no columns file and prompt: its first line names {', '.join(names)}.")
        for row in reader:
            file, prompt = (row[file_column] or "").strip(), (row[prompt_column] or "").strip()
            if file and prompt:
                places.setdefault(prompt, Place(str(folder / file)))
    return places


def _read(uri: str) -> bytes:
    try:
        return storage.read_bytes(uri)
    except FileNotFoundError as error:
        raise SourceError(
            f"There is no picture {uri}, which the study needs: put it there, or draw it again."
        ) from error
