"""What was drawn elsewhere, as if it had been sampled here: a folder of pictures, or the scores of another root."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from tasks import schemas
from tasks.compare.placing import Prompt, RefusedPicture, place_pictures, tables_of
from tasks.compare.tars import read_picture, tars_of
from tasks.crawl.sources.folder_files import FolderFiles, digest_of
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.errors import SourceError

PROMPTS_PER_SHARD = 32
COLUMNS = ("prompt_id", "prompt", "group", "pair_id", "category", "challenge")


class PicturesConfig(StageConfig):
    """A folder of pictures of another model, which every Dask worker must reach."""

    path: str = Field(description="Absolute path of the folder.")

    def fingerprinted(self) -> dict[str, Any]:
        """The folder counts by its content, in `outside_state`, and not by where it lies."""
        return {}

    def outside_state(self) -> str:
        """Digest of its pictures, tables and tars."""
        files = FolderFiles.of(self.path)
        told = [f"{table} {digest_of(files.root / table)}" for table in [*tables_of(files), *tars_of(files.root)]]
        return storage.sha256("\n".join([files.state(), *told]).encode(errors="surrogateescape"))


class ScoresConfig(StageConfig):
    """Scored samples under another root."""

    uri: str = Field(description="URL of the artifact.")

    def fingerprinted(self) -> dict[str, Any]:
        """They count by their address, which is the same under any root."""
        return {"address": "/".join(self.uri.rsplit("/", 2)[-2:])}


@dataclass(frozen=True)
class PicturesToTake:
    """Prompts with the paths of their pictures, and what is refused before any picture is read."""

    root: Path
    side: int
    prompts: Sequence[tuple[Prompt, Sequence[str]]]
    refused: Sequence[RefusedPicture] = ()


@stage(PicturesConfig, reads={"prompts": {"scores": schemas.SCORES}})
def take_pictures(config: PicturesConfig, output: Output, prompts: Artifact) -> None:
    """Pictures of a folder as samples for the prompts of a run: as many for each at most, and of the same size.

    A prompt without a picture is left out, and counted.

    Raises:
        SourceError: no picture belongs to any prompt.
    """
    asked, most, side = _asked(prompts.files("scores"))
    files = FolderFiles.of(config.path)
    placed = place_pictures(files, asked, most)
    if not placed.files:
        seen = ", ".join(sorted(files.images)[:3]) or "none"
        raise SourceError(
            f"No picture in {config.path} belongs to a prompt of {prompts.address} (pictures: {seen}): give the folder "
            f"a prompts.csv with the columns file,prompt, or name files or folders as prompts, such as "
            f"'{asked[0]['prompt_id']}-0.png' for '{asked[0]['prompt']}'."
        )
    pictures = [(prompt, placed.files[place]) for place, prompt in enumerate(asked) if place in placed.files]
    starts = range(0, len(pictures), PROMPTS_PER_SHARD)
    work = [PicturesToTake(files.root, side, pictures[start : start + PROMPTS_PER_SHARD]) for start in starts]
    output.map(take_shard, [*work, PicturesToTake(files.root, side, (), placed.refused)], "pictures")
    output.metrics |= {"prompts_without_picture": len(asked) - len(pictures)}


@stage(ScoresConfig)
def take_scores(config: ScoresConfig, output: Output) -> None:
    """A copy of scored samples, so that what is made from them has all it was made from under one root."""
    root, name, fingerprint = config.uri.rsplit("/", 2)
    output.map(copy_shard, Artifact(root=root, stage=name, fingerprint=fingerprint).files("scores"))


def copy_shard(uri: str) -> Shard:
    """One shard of scores as it is.

    Raises:
        SchemaError: another version wrote it, without a column.
    """
    schemas.check_shard(uri, schemas.SCORES)
    table = schemas.read_table(uri)
    return Shard(rows_in=table.num_rows, tables={"scores": table.select(schemas.SCORES.names)})


def take_shard(work: PicturesToTake) -> Shard:
    """Samples of some prompts; a picture that cannot be decoded is refused. Runs in a Dask worker."""
    from models.training.errors import DataError
    from models.training.images import centre_crop, decode, encode_png

    rows: list[dict[str, Any]] = []
    refused = list(work.refused)
    for prompt, files in work.prompts:
        index = 0
        for file in files:
            try:
                pixels = centre_crop(decode(read_picture(work.root, file)), work.side)
            except (DataError, OSError) as error:
                refused.append(RefusedPicture(file, "unreadable", str(error)[:200], prompt["prompt"]))
                continue
            rows.append({**prompt, "index": index, "seed": 0, "codes": None, "image": encode_png(pixels)})
            index += 1
    rejects = pa.Table.from_pylist([_reject(each) for each in refused], schema=schemas.REJECTS)
    table = pa.Table.from_pylist(rows, schema=schemas.SAMPLES)
    return Shard(rows_in=len(rows) + len(refused), tables={"samples": table}, rejects=rejects)


def _asked(uris: Sequence[str]) -> tuple[list[Prompt], int, int]:
    """The prompts of a run, the most pictures that one of them has, and the side of the pictures."""
    from models.training.images import decode

    asked: dict[int, Prompt] = {}
    most = 0
    for uri in uris:
        for row in schemas.read_table(uri, [*COLUMNS, "index"]).to_pylist():
            most = max(most, row.pop("index") + 1)
            asked.setdefault(row["prompt_id"], row)
    first = schemas.read_table(uris[0], ["image"])["image"][0].as_py()
    return [asked[number] for number in sorted(asked)], most, decode(first).shape[0]


def _reject(refused: RefusedPicture) -> dict[str, Any]:
    name = storage.sha256(f"{refused.file}\n{refused.prompt}".encode(errors="surrogateescape"))[:16]
    file = refused.file.encode(errors="replace").decode()
    return {"pair_id": name, "reason": refused.reason, "detail": refused.detail, "url": file, "caption": refused.prompt}
