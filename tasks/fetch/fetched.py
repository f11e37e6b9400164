"""What became of each URL of a list: img2dataset finds it out, in a child process."""

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from tasks.engine.child import ask_child
from tasks.fetch.config import Config

CHILD = "tasks.fetch.img2dataset_shard"
SEPARATOR = "|"  # between reason and detail, in the one string img2dataset keeps of an error


@dataclass(frozen=True)
class Fetched:
    """What became of one URL: an image with the width and height it was served in, or a refusal: reason and detail.

    Attributes:
        sha256: of the file as it was served.
        consent: why it was fetched, as `tasks.fetch.consent` says.
    """

    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    image: bytes | None = None
    refusal: tuple[str, str] | None = None
    consent: str | None = None


def fetch_rows(config: Config, urls: list[str], trusted: set[str], folder: str, run: str = "") -> list[Fetched]:
    """What became of each URL, in the order given.

    Args:
        trusted: those of the URLs that this pipeline made itself.
        folder: an empty one for the child's files; the caller removes it.
        run: names the work that this is a part of. What a host said is remembered for the rest of it.

    Raises:
        ChildFailedError: the child ended before it was done.
    """
    settings = config.model_dump(mode="json")
    job = {"config": settings, "urls": urls, "trusted": sorted(trusted), "folder": folder, "run": run}
    answer = ask_child(job, f"The download of {len(urls)} images", CHILD)
    consents = answer["consents"]
    by_row = {row["row"]: _fetched(row, consents[row["row"]]) for row in pq.read_table(answer["table"]).to_pylist()}
    lost = Fetched(refusal=("undecodable", "img2dataset lost it"))
    return [by_row.get(row, lost) for row in range(len(urls))]


def _fetched(row: dict[str, Any], consent: str | None) -> Fetched:
    if row["status"] == "success":
        return Fetched(row["original_width"], row["original_height"], row["sha256"], row["jpg"], consent=consent)
    message = row["error_message"]
    if row["status"] == "failed_to_download":
        reason, _, detail = message.partition(SEPARATOR)
        return Fetched(refusal=(reason, detail))
    return Fetched(refusal=("undecodable", message[:200]))
