"""Makes browser.png, which is how Chromium shows `support.shown_pictures`.

To make it anew: `PYTHONPATH=tests python tests/models/training/renderings/render.py`.
"""

import subprocess
import tempfile
from pathlib import Path

from support.shown_pictures import pictures

CELL, COLUMNS = 48, 8  # pixels of a picture's place, and places in a row
SHEET = Path(__file__).with_name("browser.png")


def corner(index: int) -> tuple[int, int]:
    """Left and top of a picture on the sheet."""
    return index % COLUMNS * CELL, index // COLUMNS * CELL


def main() -> None:
    """Has Chromium draw every picture at its own size on white."""
    files = pictures()
    with tempfile.TemporaryDirectory() as folder:
        page = "<!doctype html><body style='margin:0;background:white'>"
        for index, (name, encoded) in enumerate(files.items()):
            (Path(folder) / name).write_bytes(encoded)
            left, top = corner(index)
            page += f"<img src='{name}' style='position:absolute;left:{left}px;top:{top}px'>"
        (Path(folder) / "page.html").write_text(page)
        size = f"{COLUMNS * CELL},{-(-len(files) // COLUMNS) * CELL}"
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
        command += ["--force-device-scale-factor=1", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        command += [f"--window-size={size}", f"--screenshot={SHEET}", f"file://{folder}/page.html"]
        subprocess.run(command, check=True, timeout=120, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
