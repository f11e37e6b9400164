"""The demo's web site with a few emoji alone, for whole runs of the pipeline in a minute."""

import csv
import io
import zipfile
from pathlib import Path

from support.web import free_port

ARCHIVE = Path(__file__).parents[2] / "data" / "fluent-emoji-3d.zip"
IMAGES, SPARE = 48, 360  # enough clean images to train on, and others for all faulty items of the demo site


def small_source(folder: Path) -> list[str]:
    """`--set` arguments that name a small copy of the demo's site, on a port of its own."""
    small = folder / "small.zip"
    with zipfile.ZipFile(ARCHIVE) as whole, zipfile.ZipFile(small, "w") as part:
        table = csv.DictReader(io.TextIOWrapper(whole.open("metadata.csv"), "utf-8"))
        rows = [row for row in table if not row["skin_tone"]]
        clean = [r for r in rows if r["category"] in ("Animals & Nature", "Food & Drink")]
        dirty = [r for r in rows if r["category"] in ("People & Body", "Flags", "Symbols")]
        listing = io.StringIO()
        writer = csv.DictWriter(listing, rows[0])
        writer.writeheader()
        for row in clean[:IMAGES] + dirty[:SPARE]:
            writer.writerow(row)
            part.writestr(f"images/{row['file']}", whole.read(f"images/{row['file']}"))
        part.writestr("metadata.csv", listing.getvalue())
    chosen = ("source.corpus=emoji", f"source.archive={small}", f"source.port={free_port()}", "pack.val_fraction=0.2")
    return [word for assignment in chosen for word in ("--set", assignment)]
