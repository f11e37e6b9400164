"""Curves of every training that left a log, one plot for each logged value, and what its model made as it learned."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from models.files import PICTURES
from models.training.images import decode
from tasks.engine import storage
from tasks.evaluate.figures import Evaluation
from tasks.evaluate.quantities import Curve, Line
from tasks.report import charts, words
from tasks.report.facts import Finished, RunFacts
from tasks.report.measured import Plot
from tasks.report.pictures import Pixels

Steps = Sequence[dict[str, float]]
# Title and explanation of well-known logged values, in the order of the page. Others fold away under their own names.
VALUES = {
    "psnr": (
        "Quality of reconstruction",
        "PSNR in dB from codes, held-out against training pictures; higher is better.",
    ),
    "loss": ("Loss", "What the training makes small; lower is better."),
    "kl": ("KL divergence", "In nats per code, to even use of all codes: 0 is no decision at all."),
    "usage": ("Usage of the codes", "Share of all codes that these pictures use; a collapse would show as a fall."),
    "elb_hard": ("Evidence lower bound", "Nats per pixel, with the most likely codes; higher is better."),
    "elb_gap": (
        "What hard codes lose of it",
        "Nats per pixel, against relaxed codes; near 0 the temperature is low enough.",
    ),
    "nll_per_pixel": ("Negative log-likelihood", "Nats per pixel, with the most likely codes; lower is better."),
    "kl_per_cell": ("KL divergence of held-out codes", "Nats per code, to even use of all codes."),
    "tau": ("Temperature τ", "Codes harden as it falls."),
    "beta": ("Weight of the KL term β", "A ramp, as in the paper."),
    "image": ("Image tokens", "Nats per token. Where held-out rises while training falls, the model memorises."),
    "text": ("Text tokens", "Nats per token of the caption itself, an eighth of the loss in the paper."),
    "accuracy": ("Captions found", "Share of pictures that find their own caption among all; higher is better."),
}
FROM_ZERO = {"image", "text", "accuracy", "kl", "tau", "beta"}


# Pictures whose upper row is what there is, and whose lower row is what the model makes of it.
MADE = {
    "reconstructions": "Held-out pictures, rebuilt from their codes",
    "drawings": "Held-out captions, drawn",
}
TWICE = 2  # between two shown steps at least: early ones differ most


@dataclass(frozen=True)
class PictureRow:
    """Pictures beside each other, and after how many steps they were made; None for the true ones."""

    step: int | None
    image: Pixels


@dataclass(frozen=True)
class Training:
    """The plots of one training stage: those with an explanation, and the others; and pictures it made on its way."""

    stage: str
    plots: tuple[Plot, ...]
    others: tuple[Plot, ...]
    title: str = ""
    made: tuple[PictureRow, ...] = ()


def trainings(facts: RunFacts) -> list[Training]:
    """Every training with something to draw, in the order of work."""
    drawn = [
        Training(stage, *_plots(stage, steps, facts.evaluation), *_made(facts.stages[stage]))
        for stage, steps in facts.curves.items()
    ]
    return [training for training in drawn if training.plots or training.others]


def _made(done: Finished) -> tuple[str, tuple[PictureRow, ...]]:
    """The title of the pictures that a training made, and the true ones with those of some steps below."""
    paths = [PurePosixPath(record.path) for record in done.manifest.outputs]
    for name, title in MADE.items():
        steps = _doubling([path for path in sorted(paths) if path.parts[0] == PICTURES and path.stem == name])
        if steps:
            found = [decode(storage.read_bytes(done.artifact.file(str(path)))) for path in steps]
            half = len(found[0]) // 2
            made = [PictureRow(int(path.parent.name), image[half:]) for path, image in zip(steps, found, strict=True)]
            return title, (PictureRow(None, found[0][:half]), *made)
    return "", ()


def _doubling(paths: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Those whose steps are each at least twice the one before, and the last."""
    chosen: list[PurePosixPath] = []
    for path in paths:
        if not chosen or int(path.parent.name) >= TWICE * int(chosen[-1].parent.name):
            chosen.append(path)
    return chosen if not paths or chosen[-1] == paths[-1] else [*chosen, paths[-1]]


def _plots(stage: str, steps: Steps, evaluation: Evaluation | None) -> tuple[tuple[Plot, ...], tuple[Plot, ...]]:
    names = {_value(key) for step in steps for key in step} - {"step"}
    known = [name for name in VALUES if name in names]
    plots = [list(_drawn(stage, steps, some, evaluation)) for some in (known, sorted(names - set(known)))]
    return tuple(plots[0]), tuple(plots[1])


def _drawn(stage: str, steps: Steps, names: Sequence[str], evaluation: Evaluation | None) -> Iterator[Plot]:
    for name in names:
        title, explanation = VALUES.get(name, (words.name_words(name), ""))
        curve = Curve(
            x_name="training step",
            lines=tuple(_lines(steps, name)),
            baselines=_baselines(name, evaluation),
            from_zero=name in FROM_ZERO,
        )
        if drawn := charts.curve(f"{stage}-{name}", f"{words.name_words(stage)}: {title}", curve):
            yield Plot(title, explanation, drawn)


def _value(key: str) -> str:
    """`psnr` of `psnr`, `val/psnr` and `val/train_psnr`."""
    return key.removeprefix("val/").removeprefix("train_")


def _lines(steps: Steps, name: str) -> Iterator[Line]:
    """Held-out, and training: the batches' values, or where they were not logged, validations on training pictures."""
    batches = sum(name in step for step in steps) > 1
    for label, key in (("held-out", f"val/{name}"), ("training", name if batches else f"val/train_{name}")):
        points = [(step["step"], step[key]) for step in steps if key in step]
        if points:
            x, y = zip(*points, strict=True)
            yield Line(name=f"{label} {words.number(y[-1])}", x=x, y=y)


def _baselines(name: str, evaluation: Evaluation | None) -> dict[str, float]:
    """What a loss per image token is to be compared with."""
    if name != "image" or evaluation is None or evaluation.codes is None:
        return {}
    return {"guessing every code equally": math.log(evaluation.codes.vocab_size)}
