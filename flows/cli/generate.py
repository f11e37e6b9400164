"""`dalle generate`: pictures for one prompt, as files."""

import io
import re
from pathlib import Path
from typing import Any

from flows.config import PipelineConfig
from flows.plan import trained
from tasks.engine import storage
from tasks.settings import Settings

_PER_ROW = 8
_GAP = 4


def draw_files(
    prompt: str, n: int, top: int, seed: int, config: PipelineConfig, settings: Settings, out: Path | None
) -> dict[str, Any]:
    """Writes the best `top` of `n` pictures and a sheet of all, best first; returns their paths and scores.

    Raises:
        ConfigError: the models of this config are not trained yet.
    """
    _, models = trained(config, settings)
    from tasks.generate import generate

    sampling = config.sample.model_copy(update={"candidates": n, "seed": seed})
    drawn = generate(prompt, sampling, settings, models.generator, models.ranker)
    folder = out or Path("generated") / _slug(prompt)
    pictures = []
    for rank, picture in enumerate(drawn[:top]):
        path = folder / f"{rank:02d}.png"
        storage.write_bytes(str(path), picture.png)
        pictures.append({"path": str(path), "score": picture.score, "index": picture.index})
    sheet = folder / "sheet.png"
    storage.write_bytes(str(sheet), contact_sheet([picture.png for picture in drawn]))
    return {"prompt": prompt, "pictures": pictures, "sheet": str(sheet)}


def contact_sheet(pngs: list[bytes]) -> bytes:
    """All pictures on one white sheet, row by row, as PNG."""
    from PIL import Image

    images = [Image.open(io.BytesIO(png)).convert("RGB") for png in pngs]
    width, height = images[0].size
    columns = min(_PER_ROW, len(images))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), "white")
    for i, image in enumerate(images):
        sheet.paste(image, (_GAP + i % columns * (width + _GAP), _GAP + i // columns * (height + _GAP)))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _slug(prompt: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:60] or "prompt"
