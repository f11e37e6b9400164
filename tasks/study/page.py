"""The folder of a study: a page with its pictures for the raters, and apart from it the key."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np

from models.training.errors import DataError
from models.training.images import Pixels, centre_crop, decode, encode_png
from tasks.engine.storage import plain_errors
from tasks.engine.temporary import appearing
from tasks.errors import ConfigError, SourceError
from tasks.study.pairs import KEY, StudyKey, StudyPair
from tasks.study.sides import PictureSide

FOR_RATERS = "for-raters"
PAGE = "index.html"
PICTURES = "pictures"
TILES = 4  # across a picture that a check cuts up


def write_study(
    key: StudyKey,
    a: PictureSide,
    b: PictureSide,
    out: Path,
    side_px: int,
    title: str = "Which picture is better?",
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Writes `key.json`, and `for-raters/` with the page and its pictures.

    All pictures are PNG squares of one size without metadata, named by the pair and where they stand, so that no file
    says whose it is.

    Args:
        side_px: width and height of the pictures; smaller ones are enlarged.
        tell: is called with the number of pairs that are written.

    Raises:
        ConfigError: there is something at `out`.
        SourceError: a picture is missing or damaged.
        StorageError: the folder cannot be written.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already: name a new folder.")
    wanted = {pair.prompt for pair in key.pairs}
    pictures = {"a": a.pictures(wanted), "b": b.pictures(wanted)}
    with plain_errors(str(out), "write", "another OUT"), appearing(out) as folder:
        (folder / FOR_RATERS / PICTURES).mkdir(parents=True)
        for pair in key.pairs:
            for place, pixels in _shown(pair, pictures, key.seed, side_px).items():
                (folder / FOR_RATERS / _file(pair, place)).write_bytes(encode_png(pixels))
            tell(pair.number)
        (folder / FOR_RATERS / PAGE).write_text(_page(key, title), encoding="utf-8")
        (folder / KEY).write_text(key.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_key(folder: Path) -> StudyKey:
    """The key of a study.

    Raises:
        SourceError: the folder has none, or it is not one.
    """
    try:
        return StudyKey.model_validate_json((folder / KEY).read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{folder} holds no {KEY} of a study: name a folder that `dalle study make` wrote."
        ) from error


def _file(pair: StudyPair, place: str) -> str:
    return f"{PICTURES}/{pair.number:04d}-{place}.png"


def _shown(pair: StudyPair, pictures: dict[str, dict[str, bytes]], seed: int, side_px: int) -> dict[str, Pixels]:
    """The picture on the left and the one on the right."""
    if pair.of is None:
        by_side = {side: _square(pictures[side][pair.prompt], side_px, pair.prompt) for side in ("a", "b")}
    else:
        whole = _square(pictures[pair.of][pair.prompt], side_px, pair.prompt)
        by_side = {"a": whole, "b": cut_up(whole, np.random.default_rng([seed, pair.number]))}
    right = "b" if pair.left == "a" else "a"
    return {"left": by_side[pair.left], "right": by_side[right]}


def _square(encoded: bytes, side_px: int, prompt: str) -> Pixels:
    try:
        return centre_crop(decode(encoded), side_px)
    except DataError as error:
        raise SourceError(f"A picture for '{prompt}' cannot be decoded: draw it again.") from error


def cut_up(image: Pixels, random: np.random.Generator) -> Pixels:
    """The same [S, S, 3] in TILES x TILES tiles, none of which stays where it was."""
    tile = image.shape[0] // TILES
    tiles = image[: tile * TILES, : tile * TILES].reshape(TILES, tile, TILES, tile, 3).swapaxes(1, 2)
    flat = tiles.reshape(TILES * TILES, tile, tile, 3)
    order = random.permutation(len(flat))
    moved = np.empty_like(flat)
    moved[order] = flat[np.roll(order, 1)]
    return moved.reshape(TILES, TILES, tile, tile, 3).swapaxes(1, 2).reshape(tile * TILES, tile * TILES, 3)


def _page(key: StudyKey, title: str) -> str:
    """The page; what it knows of the study is text for a JSON element, in which no `<` may stand."""
    pairs = [
        {"number": pair.number, "caption": pair.prompt, "left": _file(pair, "left"), "right": _file(pair, "right")}
        for pair in key.pairs
    ]
    known = json.dumps({"study": key.study, "title": title, "pairs": pairs}, ensure_ascii=False).replace("<", "\\u003c")
    return files("tasks.study").joinpath("page.html").read_text(encoding="utf-8").replace("{{study}}", known)
