"""Every plot of the page, by name. A plot without data is empty, and the page leaves it out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from tasks.report import charts, words
from tasks.report.charts import Level, Series
from tasks.report.facts import RunFacts

Curve = Sequence[dict[str, float]]


def all_plots(facts: RunFacts) -> dict[str, Markup]:
    """Plots by name."""
    dvae, prior, clip = (facts.curves(f"train_{model}") for model in ("dvae", "prior", "clip"))
    known, new = facts.evaluation.get("train_prompts") or {}, facts.evaluation.get("val_prompts") or {}
    return {
        "dvae_psnr": _curves(dvae, (("held-out", "val/psnr", "a"), ("training", "val/train_psnr", "b"))),
        "dvae_loss": _curves(dvae, (("loss", "loss", "a"),)),
        "dvae_kl": _curves(dvae, (("KL to uniform, nats per code", "kl", "a"),), from_zero=True),
        "dvae_codes": _curves(dvae, (("held-out", "val/codes_used", "a"), ("training", "val/train_codes_used", "b"))),
        "dvae_ramps": _curves(dvae, (("temperature τ", "tau", "a"), ("KL weight β", "beta", "b")), from_zero=True),
        "code_usage": charts.code_usage((facts.evaluation.get("codes") or {}).get("train", {}).get("counts", [])),
        "prior_image": _curves(
            prior, (("held-out", "val/image", "a"), ("training", "image", "b")), True, _uniform(facts)
        ),
        "prior_text": _curves(prior, (("held-out", "val/text", "a"), ("training", "text", "b")), True),
        "clip_accuracy": _curves(
            clip, (("held-out", "val/accuracy", "a"), ("training", "val/train_accuracy", "b")), True
        ),
        "clip_loss": _curves(clip, (("training", "loss", "b"),), True),
        "best_of": _best_of(known),
        "hits": whiskers(_rates(known), known.get("chance"), percent=True),
        "new_hits": whiskers(_rates(new), new.get("chance"), percent=True),
        "true_mse": whiskers(_distances(new)),
        "scores": _scores(facts),
        "memorisation": _memorisation(facts.evaluation.get("memorisation") or {}),
    }


def whiskers(
    rows: Sequence[tuple[str, dict[str, Any], str]], chance: float | None = None, percent: bool = False
) -> Markup:
    """Dots with their 95 % intervals, one row each, on a common scale from zero."""
    if not rows:
        return Markup("")
    scale = 1.0 if percent else max(row["high"] for _, row, _ in rows) * 1.05 or 1.0
    write = words.percent if percent else words.number
    drawn = [
        Markup(
            '<div class="whisker"><span>{}</span><div class="track">{}'
            '<i class="range {}" style="left:{}%;width:{}%"></i>'
            '<i class="dot {}" style="left:{}%"></i></div><b>{}</b></div>'
        ).format(
            name,
            "" if chance is None else Markup('<i class="chance" style="left:{}%"></i>').format(f"{100 * chance:.2f}"),
            style,
            f"{100 * row['low'] / scale:.2f}",
            f"{100 * (row['high'] - row['low']) / scale:.2f}",
            style,
            f"{100 * row['value'] / scale:.2f}",
            write(row["value"]),
        )
        for name, row, style in rows
    ]
    return Markup('<div class="whiskers">{}</div>').format(Markup("").join(drawn))


def _curves(
    curve: Curve, wanted: Sequence[tuple[str, str, str]], from_zero: bool = False, level: Level | None = None
) -> Markup:
    """Logged values over the steps; `wanted` holds name, key and style of each."""
    series = [_series(curve, *one) for one in wanted]
    return charts.lines(series, "training step", levels=[level] if level else [], from_zero=from_zero, last=True)


def _series(curve: Curve, name: str, key: str, style: str) -> Series:
    points = [(step["step"], step[key]) for step in curve if key in step]
    dots = key.startswith("val/") and len(points) < 40
    return Series(name, [x for x, _ in points], [y for _, y in points], style, dots)


def _uniform(facts: RunFacts) -> Level | None:
    size = (facts.evaluation.get("codes") or {}).get("vocab_size")
    return Level("guessing every code equally", math.log(size)) if size else None


def _rates(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    named = (("best by score", "best", "a"), ("first drawn", "first", "b"), ("worst by score", "worst", "d"))
    rates = figures.get("hit_rate") or {}
    return [(name, rates[key], style) for name, key, style in (*named, ("any of them", "any", "c")) if rates.get(key)]


def _distances(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    named = (
        ("best by score", "best", "a"),
        ("first drawn", "first", "b"),
        ("search by words", "word_search", "c"),
        ("a random picture", "other_images", "d"),
    )
    found = figures.get("true_mse") or {}
    return [(name, _in_grey_levels(found[key]), style) for name, key, style in named if found.get(key)]


def _in_grey_levels(estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: words.grey_levels(estimate[name]) for name in ("value", "low", "high")}


def _best_of(figures: dict[str, Any]) -> Markup:
    points = [point for point in figures.get("best_of") or [] if point["by_score"]]
    if len(points) < 2:
        return Markup("")
    ks = [math.log2(point["k"]) for point in points]
    series = [
        Series("best by score", ks, [p["by_score"]["value"] for p in points], "a", dots=True),
        Series(
            "any of them (what a perfect ranker would reach)", ks, [p["any"]["value"] for p in points], "c", dots=True
        ),
    ]
    ticks = [(str(point["k"]), k) for point, k in zip(points, ks, strict=True)]
    level = Level("chance", figures["chance"])
    return charts.lines(
        series, "candidates to choose from", levels=[level], from_zero=True, percent=True, x_ticks=ticks
    )


def _scores(facts: RunFacts) -> Markup:
    done = facts.get("evaluate")
    rows = list(done.rows("judged")) if done else []
    values = [row["score"] for row in rows if math.isfinite(row["score"])]
    if not values:
        return Markup("")
    edges = np.linspace(min(values), max(max(values), min(values) + 1e-6), 31)

    def counts(chosen: Sequence[float]) -> list[int]:
        return [int(n) for n in np.histogram(chosen, edges)[0]]

    series = [
        ("all samples", "d", counts(values)),
        ("best of each prompt", "a", counts([r["score"] for r in rows if r["rank"] == 0])),
    ]
    return charts.histogram(edges.tolist(), series, "CLIP score, higher is better")


def _memorisation(figures: dict[str, Any]) -> Markup:
    if not figures:
        return Markup("")
    named = (
        ("held-out pictures, rebuilt by the dVAE", "d", "held_out_rebuilt"),
        ("samples, training captions", "a", "samples_train"),
        ("samples, held-out captions", "b", "samples_val"),
    )
    series = [(name, style, figures["counts"][key]) for name, style, key in named if key in figures["counts"]]
    edges = [words.grey_levels(edge) for edge in figures["bin_edges"]]
    return charts.histogram(edges, series, "distance to the nearest training picture, grey levels of 255")
