"""Numbers and codes as words: one place decides how a figure is written."""

from decimal import Decimal

from tasks.engine import meter
from tasks.evaluate.nearest import grey_levels
from tasks.evaluate.quantities import SHARE, Estimate
from tasks.web.refusals import MEANINGS

NOTHING = "\N{EN DASH}"
# Words that are not spelled as they stand in the name of a stage or of a logged value.
SPELLINGS = {"bpe": "BPE", "clip": "CLIP", "dvae": "dVAE", "kl": "KL", "psnr": "PSNR", "ssim": "SSIM", "vqgan": "VQGAN"}


def name_words(name: str) -> str:
    """`train_dvae` as `Train dVAE`."""
    first, *others = [SPELLINGS.get(word, word) for word in name.split("_")]
    return " ".join([first if first in SPELLINGS.values() else first.capitalize(), *others])


def reason_words(reason: str) -> str:
    """`too_short` as `too short`."""
    return reason.replace("_", " ")


def reason_meaning(reason: str) -> str:
    """The sentence about a reason of a download that did not happen; empty for the reasons of other stages."""
    return next((said for name, said in MEANINGS.items() if name == reason), "")


def count(number: float | None) -> str:
    return NOTHING if number is None else f"{number:,.0f}"


def percent(share: float | None) -> str:
    """Whole percents, with decimals where they would hide the figure: `78%`, `0.4%`, `0.02%`."""
    if share is None:
        return NOTHING
    shown = 100 * share
    if 0 < shown < 0.1:
        return f"{Decimal(f'{shown:.1g}'):f}%"
    return f"{shown:.1f}%" if 0 < shown < 2 or 99 < shown < 100 else f"{shown:.0f}%"


def number(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"


def grey(mse: float | None) -> str:
    """A mean squared error of values in [0, 1] as the typical difference in grey levels of 255."""
    return NOTHING if mse is None else f"{grey_levels(mse):.1f}"


def quantity(value: float, unit: str) -> str:
    """A value of an estimate with its unit."""
    if unit == SHARE:
        return percent(value)
    return f"{number(value)} {unit}".rstrip()


def interval(estimate: Estimate) -> str:
    """The 95 % interval, such as 84-95% or 20.4-21.1 dB."""
    if estimate.unit == SHARE:
        return f"{percent(estimate.low).removesuffix('%')}\N{EN DASH}{percent(estimate.high)}"
    return f"{number(estimate.low)}\N{EN DASH}{quantity(estimate.high, estimate.unit)}"


def duration(seconds: float | None) -> str:
    """`48 s`, `12 min 30 s`, `3 h 20 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.1:
        return "< 0.1 s"
    return meter.duration(seconds)


def speed(items: int, unit: str, seconds: float) -> str:
    """Such as `52 rows/s`; empty where the time is too short to tell."""
    return f"{number(items / seconds)} {unit}/s" if seconds >= 0.1 else ""


def memory(megabytes: float | None) -> str:
    if megabytes is None:
        return NOTHING
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"


def size(count_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count_bytes < 1000:
            return f"{count_bytes:.0f} {unit}" if unit == "B" or count_bytes >= 10 else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1000
    return f"{count_bytes:.1f} TB"
