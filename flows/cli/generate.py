"""`dalle generate`: pictures for one prompt, as files."""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.config import PipelineConfig
from flows.pipeline import Models
from flows.plan import trained
from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.preflight import require_root, require_writable
from tasks.sample import Config as SampleConfig
from tasks.sample import prompt_fault
from tasks.settings import Settings

RECORD = "pictures.json"
SHEET = "sheet.png"
SLUG_LETTERS = 40
HASH_DIGITS = 8
SEEN = {
    "train": "This prompt is a caption from training: the models may redraw that picture from memory.",
    "val": "This prompt is the caption of a held-out picture, which the models have not seen.",
    None: "This prompt is not a caption from training.",
}


@dataclass(frozen=True)
class Wish:
    """What a person asked for: a prompt, how many candidates to draw, how many of the best to keep, and a seed."""

    prompt: str
    n: int
    top: int
    seed: int


def draw_files(
    wish: Wish,
    config: PipelineConfig,
    settings: Settings,
    out: Path | None,
    command: str,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the best pictures, a sheet of all, best first, and a record of both; returns the record.

    A folder holds the pictures of one prompt, one seed and one set of models; they are replaced only by pictures of the
    same ones.

    Args:
        out: the folder; by default one whose name no other prompt, seed or model has.
        command: trains the models; for the message where they are missing.
        tell: called with what is done next.

    Raises:
        ConfigError: the prompt is empty or no valid text, the models of this config are not trained yet, or `out` holds
            other pictures.
        StorageError: the root cannot be read, or `out` cannot be written.
    """
    if fault := prompt_fault(wish.prompt):
        raise ConfigError(f"The prompt {fault}: write what to draw, such as 'a red apple'.")
    require_root(settings.root, write=False)
    pairs, models = trained(config, settings, command)
    sampling = config.sample.model_copy(update={"candidates": wish.n, "seed": wish.seed})
    identity = _identity(wish, sampling, models)
    folder = out or Path("generated") / folder_name(wish.prompt, identity)
    require_writable(folder, "--out")
    old = _own_files(folder, identity)
    tell("Loading the libraries")
    from flows.cli.sheet import contact_sheet
    from tasks.checkpoints import generator_of
    from tasks.generate import generate, split_of_caption

    drawn = generate(wish.prompt, sampling, settings, models.generator, models.ranker, tell)
    note = f"{len(drawn)} candidates, best first, with the score of the ranker (cosine similarity); seed {wish.seed}"
    files = {f"{rank:02d}.png": picture.png for rank, picture in enumerate(drawn[: wish.top])}
    pictures = [
        {"path": str(folder / name), "score": picture.score, "index": picture.index}
        for name, picture in zip(files, drawn[: wish.top], strict=True)
    ]
    files[SHEET] = contact_sheet(wish.prompt, note, drawn)
    record = {
        "prompt": wish.prompt,
        "seed": wish.seed,
        "candidates": wish.n,
        "identity": identity,
        "unread": generator_of(models.generator, settings).unread(wish.prompt),
        "caption_of": split_of_caption(wish.prompt, pairs),
        "pictures": pictures,
        "sheet": str(folder / SHEET),
    }
    for name, data in files.items():
        storage.write_bytes(str(folder / name), data)
    for name in old - files.keys():
        (folder / name).unlink(missing_ok=True)
    text = json.dumps(record | {"files": sorted(files)}, indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(str(folder / RECORD), text.encode())
    return record


def remarks(record: dict[str, Any]) -> list[str]:
    """What a person should know of the pictures, a sentence each."""
    unread = record["unread"]
    cut = [f"The prompt is too long for the models; they did not read its end: “{unread[:200]}”."] if unread else []
    return [*cut, SEEN[record["caption_of"]]]


def folder_name(prompt: str, identity: str) -> str:
    """The letters and digits of a prompt in any script, and the identity: no two prompts or seeds share a name."""
    letters = re.sub(r"[^\w]+|_+", "-", unicodedata.normalize("NFC", prompt).lower())
    slug = letters[:SLUG_LETTERS].strip("-")
    return f"{slug}-{identity}" if slug else identity


def _identity(wish: Wish, sampling: SampleConfig, models: Models) -> str:
    """Names what decides a candidate: the prompt, the seed, how symbols are drawn, and the models."""
    drawing = sampling.model_dump(mode="json", include={"seed", "temperature", "top_k", "top_p"})
    decides = [wish.prompt, drawing, models.generator.address, models.ranker.address]
    return storage.sha256(json.dumps(decides, sort_keys=True).encode())[:HASH_DIGITS]


def _own_files(folder: Path, identity: str) -> set[str]:
    """Names of the files that an earlier call with the same identity wrote.

    Raises:
        ConfigError: the folder holds pictures of another prompt, seed or model, or of unknown origin.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["identity"] == identity:
            return {name for name in record["files"] if Path(name).name == name}
        whose = f"pictures of '{record['prompt']}', seed {record['seed']}"
    except (OSError, ValueError, KeyError, TypeError):
        if not any(folder.glob("*.png")):
            return set()
        whose = "pictures"
    raise ConfigError(f"{folder} already holds {whose}, of another call: choose an empty folder with --out.")
