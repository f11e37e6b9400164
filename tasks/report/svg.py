"""From a matplotlib figure to an element of the page: its colours follow light and dark, its text stays text."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 4.8  # 346 points: as wide as a plot on the page, so that a point is about a pixel

# matplotlib knows no CSS: it draws in these colours, and the SVG gets the style sheet's in their place.
SERIES = ("#a00001", "#a00002", "#a00003", "#a00004")
INK, SOFT, LINE, PAPER = "#a00005", "#a00006", "#a00007", "#a00008"
_NAMES = ("a", "b", "c", "d", "ink", "soft", "line", "paper")
_CSS = dict(zip((*SERIES, INK, SOFT, LINE, PAPER), _NAMES, strict=True))
DASHES = (0, (3, 3))
# A label over a plot hides the lines behind it.
LABEL: dict[str, Any] = {"verticalalignment": "center", "bbox": {"facecolor": PAPER, "linewidth": 0, "pad": 0.5}}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "charts",  # equal charts have equal ids
    "text.parse_math": False,
    "font.size": 11,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 5,
    "ytick.major.pad": 5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


@contextmanager
def blank(height_in: float, legend_rows: int) -> Iterator["Figure"]:
    """An empty figure in the page's style, with room for a legend above it; to be turned into SVG inside the block."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        yield Figure((WIDTH_IN, height_in + 0.2 * legend_rows), layout="constrained", facecolor="none")


def element(figure: "Figure", name: str, title: str) -> Markup:
    """The figure as inline SVG.

    Args:
        name: unique on the page: all ids begin with it.
        title: what a screen reader says of the picture.
    """
    if figure.axes[0].get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper left", borderaxespad=0, handlelength=1.2, labelspacing=0.25)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")), transparent=True)
    text = file.getvalue().decode()
    view = re.search(r'viewBox="[^"]+"', text)
    assert view
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", body, flags=re.DOTALL)  # the page has its own style
    body = re.sub(r'<g id="[^"]*"/>|(?<=<g) id="[^"]*"| transform="rotate\(-0 [^"]*"|font-family: [^;]+; ', "", body)
    body = re.sub(r">\s+<", "><", body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(?<=\d\.\d)\d+|\n", "", tag[0]), body)  # 0.1 of a pixel is enough
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body).replace("url(#", f"url(#{name}-")
    for placeholder, css in _CSS.items():
        body = body.replace(placeholder, f"var(--{css})")
    start = Markup('<svg class="chart" role="img" {}><title>{}</title>').format(Markup(view[0]), title)
    return start + Markup(body)
