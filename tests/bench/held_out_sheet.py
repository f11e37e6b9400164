"""The picture at the top of the README: the first candidate of held-out captions, none picked, on one sheet.

`python tests/bench/held_out_sheet.py data/gallery infra/gallery-samples.png`
"""

import sys
import textwrap
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[2]))

from flows.changes import changed, read_file
from flows.cli.drawing.sheet import installed_fonts
from flows.recipes import recipe_config, recipe_name
from models.files import RUN_CONFIG
from models.generator import load
from tasks.compositions.corpus import Composition, Corpus

COLUMNS, ROWS = 6, 4
SIDE, GAP, LINE, LINES, LETTERS = 192, 12, 17, 3, 29  # pixels; lines of a caption, and letters of a line


def main(folder: Path, out: Path) -> None:
    """Draw and lay out; what training never showed at all has a red caption."""
    recipe, changes = read_file(folder / RUN_CONFIG)
    source = changed(recipe_config(recipe_name(recipe or "gallery")), changes).source
    assert source.composed is not None
    corpus = Corpus(source.composed, source.archive_path)
    chosen = _chosen(corpus)
    images = load(folder).draw([each.captions[0] for each in chosen], n=1, seed=0).images[:, 0]
    cell = (SIDE + GAP, SIDE + LINE * LINES + GAP)
    sheet = Image.new("RGB", (COLUMNS * cell[0] + GAP, ROWS * cell[1] + GAP), "#ffffff")
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(installed_fonts()[0], 12)
    for place, (composition, image) in enumerate(zip(chosen, images, strict=True)):
        x, y = GAP + place % COLUMNS * cell[0], GAP + place // COLUMNS * cell[1]
        sheet.paste(_enlarged(image), (x, y))
        ink = "#b3261e" if {*composition.scene.things} & {*corpus.unseen} else "#17181c"
        lines = textwrap.wrap(composition.captions[0], LETTERS, max_lines=LINES)
        draw.multiline_text((x, y + SIDE + 3), "\n".join(lines), ink, font, spacing=2)
    sheet.save(out, optimize=True)


def _chosen(corpus: Corpus) -> list[Composition]:
    """Held-out pictures in the corpus's order, which is that of a hash: as many of one thing as of two, in turn."""
    held = [each for each in corpus.compositions if each.split != "train"]
    one, two = (
        list(islice((each for each in held if len(each.scene.things) == things), COLUMNS * ROWS // 2))
        for things in (1, 2)
    )
    return [each for pair in zip(two, one, strict=True) for each in pair]


def _enlarged(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
