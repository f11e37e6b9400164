"""From judged rows to the figures of metrics.json: everything a number on the report's page comes from."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.judge import distance
from tasks.evaluate.nearest import Scan
from tasks.evaluate.statistics import Estimate, any_of, best_of, mean, perplexity, proportion

Row = Mapping[str, Any]
BINS = 24


class Resampling(Protocol):
    """What the summary needs of the stage's config."""

    @property
    def best_of(self) -> tuple[int, ...]: ...
    @property
    def resamples(self) -> int: ...
    @property
    def seed(self) -> int: ...


def summarise(
    config: Resampling,
    judged: Sequence[Row],
    rebuilt: Sequence[Row],
    code_counts: NDArray[np.int64],
    train: Scan,
    val: Scan | None,
) -> dict[str, Any]:
    """All figures, as plain numbers, lists and dicts. A figure that cannot be told is None or an empty dict."""
    prompts = _by_prompt(judged)
    groups = {name: [p for p in prompts if p[0]["group"] == name] for name in ("fixed", "train", "val")}
    return {
        "samples": len(judged),
        "candidates": max((len(p) for p in prompts), default=0),
        "prompts": {name: len(members) for name, members in groups.items()},
        "corpus": {"train": train.rows, "val": val.rows if val else 0},
        "train_prompts": _hits(config, groups["train"], train.pairs_per_prompt, train.rows),
        "val_prompts": _held_out(config, groups["val"], train, val),
        "memorisation": _memorisation(judged, rebuilt),
        "reconstruction": _reconstruction(config, rebuilt),
        "codes": _codes(code_counts, rebuilt),
    }


def headline(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The few figures that stand in the stage's manifest."""
    hits = figures["train_prompts"].get("hit_rate", {})
    found = {f"hit_rate_{name}": hits[name]["value"] for name in ("best", "first") if hits.get(name)}
    found |= {
        name: figures["reconstruction"][name]["value"] for name in ("psnr_db", "ssim") if figures["reconstruction"]
    }
    return found | {"codes_used": figures["codes"]["train"]["used"], "vocab_size": figures["codes"]["vocab_size"]}


def _by_prompt(judged: Sequence[Row]) -> list[list[Row]]:
    """The candidates of each prompt, best first."""
    ordered = sorted(judged, key=lambda row: (row["prompt_id"], row["rank"]))
    return [list(rows) for _, rows in groupby(ordered, key=lambda row: row["prompt_id"])]


_PICKS: dict[str, Callable[[list[Row]], Row]] = {
    "best": lambda rows: rows[0],
    "first": lambda rows: next(row for row in rows if row["index"] == 0),
    "worst": lambda rows: rows[-1],
}


def _hits(config: Resampling, prompts: list[list[Row]], pairs_per_prompt: Counter[str], rows: int) -> dict[str, Any]:
    prompts = [p for p in prompts if all(row["is_hit"] is not None for row in p)]
    if not prompts:
        return {}
    rates = {name: _plain(proportion([pick(p)["is_hit"] for p in prompts])) for name, pick in _PICKS.items()}
    rates["any"] = _plain(proportion([any(row["is_hit"] for row in p) for p in prompts]))
    gains = [float(p[0]["is_hit"]) - float(_PICKS["first"](p)["is_hit"]) for p in prompts]
    return {
        "prompts": len(prompts),
        "chance": float(np.mean([pairs_per_prompt[p[0]["prompt"]] / rows for p in prompts])),
        "hit_rate": rates,
        "gain_of_reranking": _plain(mean(gains, config.resamples, config.seed)),
        "best_of": [_at(config, prompts, k) for k in config.best_of if k <= min(len(p) for p in prompts)],
    }


def _at(config: Resampling, prompts: list[list[Row]], k: int) -> dict[str, Any]:
    hits = [[row["is_hit"] for row in p] for p in prompts]
    return {
        "k": k,
        "by_score": _plain(mean([best_of(h, k) for h in hits], config.resamples, config.seed)),
        "any": _plain(mean([any_of(h, k) for h in hits], config.resamples, config.seed)),
    }


def _held_out(config: Resampling, prompts: list[list[Row]], train: Scan, val: Scan | None) -> dict[str, Any]:
    """The same for captions the models never saw, and how far the drawings are from the true images."""
    if not prompts or val is None:
        return {}
    everywhere = train.pairs_per_prompt + val.pairs_per_prompt
    figures = _hits(config, prompts, everywhere, train.rows + val.rows)
    told = [p for p in prompts if p[0]["true_mse"] is not None]
    if not told:
        return figures
    distances = {name: [pick(p)["true_mse"] for p in told] for name, pick in _PICKS.items()}
    distances["word_search"] = _word_search(told, train, val)
    distances["other_images"] = _other_images(told, val)
    return figures | {
        "true_mse": {name: _plain(mean(values, config.resamples, config.seed)) for name, values in distances.items()}
    }


def _word_search(prompts: list[list[Row]], train: Scan, val: Scan) -> list[float]:
    """Distance from the true image to the training image whose caption is most alike: no model at all."""
    return [
        distance(train.found_by_words[p[0]["prompt"]].thumbnail, val.prompted[p[0]["pair_id"]])
        for p in prompts
        if p[0]["pair_id"] in val.prompted
    ]


def _other_images(prompts: list[list[Row]], val: Scan) -> list[float]:
    """Mean distance from each true image to those of the other held-out prompts: what a random guess would have."""
    true = [val.prompted[p[0]["pair_id"]] for p in prompts if p[0]["pair_id"] in val.prompted]
    if len(true) < 2:
        return []
    return [float(np.mean([distance(a, b) for j, b in enumerate(true) if i != j])) for i, a in enumerate(true)]


def _memorisation(judged: Sequence[Row], rebuilt: Sequence[Row]) -> dict[str, Any]:
    """Distances to the nearest training image: of samples, and of rebuilt held-out images as the yardstick."""
    distances = {
        f"samples_{g}": [r["nearest_mse"] for r in judged if r["group"] == g] for g in ("train", "fixed", "val")
    }
    distances["held_out_rebuilt"] = [row["rebuilt_nearest_mse"] for row in rebuilt]
    distances["held_out_images"] = [row["nearest_mse"] for row in rebuilt]
    distances = {name: values for name, values in distances.items() if values}
    if not distances:
        return {}
    top = float(np.percentile(np.concatenate([np.array(values) for values in distances.values()]), 99))
    edges = np.linspace(0.0, max(top, 1e-9) ** 0.5, BINS + 1) ** 2  # even steps of the root: near ones matter most
    figures: dict[str, Any] = {
        "bin_edges": edges.tolist(),
        "counts": {name: _histogram(values, edges) for name, values in distances.items()},
        "median": {name: float(np.median(values)) for name, values in distances.items()},
    }
    if rebuilt:
        limit = float(np.percentile(distances["held_out_rebuilt"], 5))
        figures["copy_limit"] = limit
        figures["below_copy_limit"] = {
            name: _plain(proportion([value < limit for value in values]))
            for name, values in distances.items()
            if name.startswith("samples_")
        }
    return figures


def _histogram(values: Sequence[float], edges: NDArray[np.float64]) -> list[int]:
    """Counts in the bins; what lies beyond the last edge counts in the last bin."""
    return [int(n) for n in np.histogram(np.minimum(values, edges[-1]), edges)[0]]


def _reconstruction(config: Resampling, rebuilt: Sequence[Row]) -> dict[str, Any]:
    if not rebuilt:
        return {}
    names = ("psnr_db", "ssim", "l1")
    figures = {name: _plain(mean([row[name] for row in rebuilt], config.resamples, config.seed)) for name in names}
    return figures | {"recognised": _plain(proportion([row["is_recognised"] for row in rebuilt]))}


def _codes(counts: NDArray[np.int64], rebuilt: Sequence[Row]) -> dict[str, Any]:
    held_out = np.frombuffer(b"".join(row["codes"] for row in rebuilt), "<u2")
    return {
        "vocab_size": len(counts),
        "train": _usage(counts) | {"counts": [int(n) for n in counts]},
        "val": _usage(np.bincount(held_out, minlength=len(counts))) if len(held_out) else {},
    }


def _usage(counts: NDArray[np.int64]) -> dict[str, Any]:
    return {"used": int((counts > 0).sum()), "total": int(counts.sum()), "perplexity": perplexity(counts)}


def _plain(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.model_dump()
