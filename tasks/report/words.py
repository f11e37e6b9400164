"""Numbers and codes as words: one place decides how a figure is written."""

from typing import Any

from tasks.engine import meter

STAGE_WORDS = {
    "crawl": "Crawled",
    "screen_captions": "Captions screened",
    "fetch": "Images fetched",
    "screen_images": "Images screened",
    "dedup": "Duplicates removed",
    "pack": "Packed for training",
    "train_bpe": "Train text tokenizer",
    "train_dvae": "Train dVAE",
    "train_clip": "Train CLIP",
    "extract": "Extract tokens",
    "train_prior": "Train prior",
    "sample": "Draw samples",
    "rerank": "Rank samples",
    "evaluate": "Evaluate",
}
NOTHING = "\N{EN DASH}"


def stage_words(stage: str) -> str:
    return STAGE_WORDS.get(stage, stage.replace("_", " ").capitalize())


def reason_words(reason: str) -> str:
    """`too_short` as `too short`."""
    return reason.replace("_", " ")


def count(number: float | None) -> str:
    return NOTHING if number is None else f"{number:,.0f}"


def percent(share: float | None) -> str:
    """Whole percents, with one decimal where they would hide the figure."""
    if share is None:
        return NOTHING
    shown = 100 * share
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


def grey_levels(mse: float) -> float:
    return float(255 * mse**0.5)


def percent_range(estimate: dict[str, Any] | None) -> str:
    """The interval, such as 84 to 95%."""
    if estimate is None:
        return NOTHING
    low, high = percent(estimate["low"]).removesuffix("%"), percent(estimate["high"])
    return f"{low}\N{EN DASH}{high}"


def number_range(estimate: dict[str, Any] | None, digits: int = 1) -> str:
    return NOTHING if estimate is None else f"{estimate['low']:.{digits}f}\N{EN DASH}{estimate['high']:.{digits}f}"


def duration(seconds: float | None) -> str:
    """`48 s`, `12 min 30 s`, `3 h 20 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.1:
        return "< 0.1 s"
    return meter.duration(seconds)


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
