"""The model card of an exported folder: what the models are, what was measured, how to use them."""

from collections.abc import Iterator
from pathlib import Path

from flows.wording import figure, numbers
from models.files import PREVIEWS, RUN_CONFIG
from models.folder import ModelManifest
from tasks.report import words
from tasks.report.config import Targets
from tasks.report.facts import RunFacts
from tasks.report.funnel import sources
from tasks.report.headlines import headlines
from tasks.report.summary import summary

FRONT_MATTER = """---
pipeline_tag: text-to-image
tags: [dall-e, text-to-image, image-generation]
---
"""
USE = """## Use

```
$ dalle generate "{prompt}" --n 32 --model {folder}
$ dalle serve --model {folder}
$ dalle evaluate --model {folder}         # measures them on their held-out captions
$ dalle run --config {folder}/{config}    # trains such models
```

```python
from models.generator import load

drawing = load("{folder}").draw(["{prompt}"], n=8, seed=0)
drawing.images  # uint8 RGB [prompts, n, height, width, 3]
```

Loading compares every file with its digest in `model.json`.
"""
LIMITS = """## Limits

- Captions are read in lower case, and cut at the length the models were trained with.
- The models know what their training pictures show, with all that is missing or skewed in them.
"""


def model_card(facts: RunFacts, folder: Path, manifest: ModelManifest, fp16: bool) -> str:
    """The card in Markdown. Every figure on it is one that a stage of the run measured.

    Args:
        folder: with the models and the previews.
    """
    prompt = manifest.prompts[0] if manifest.prompts else "a red apple"
    parts = [
        FRONT_MATTER,
        "# A text-to-image model of DALL·E's first kind\n",
        " ".join(_what_it_is(manifest, fp16)) + "\n",
        *_previews(folder, manifest),
        USE.format(prompt=prompt.replace('"', "'"), folder="FOLDER", config=RUN_CONFIG),
        *_measured(facts),
        *_training(facts),
        LIMITS,
        *_origin(manifest),
    ]
    return "\n".join(parts)


def _what_it_is(manifest: ModelManifest, fp16: bool) -> Iterator[str]:
    yield (
        "A transformer draws image codes for a caption, an image tokenizer turns them into pixels, and a CLIP ranks "
        "the candidates, as in [Ramesh et al. 2021](https://arxiv.org/abs/2102.12092)."
    )
    size = words.size(sum(file.bytes for file in manifest.files.values()))
    yield f"All models together have {size}" + (", in half precision." if fp16 else ".")


def _previews(folder: Path, manifest: ModelManifest) -> Iterator[str]:
    if (folder / PREVIEWS / "sheet.png").exists():
        yield f"![What the models draw for a few prompts]({PREVIEWS}/sheet.png)\n"
        yield "*Drawn with the files of this folder; the best of 8 by the ranker. Nothing else was chosen by hand.*\n"


def _measured(facts: RunFacts) -> Iterator[str]:
    yield "## Measured\n"
    if facts.evaluation is None:
        yield "The models were not evaluated when this folder was made.\n"
        return
    yield " ".join(summary(facts)) + "\n"
    yield "| figure | value | |\n|---|---|---|"
    for headline in headlines(facts, Targets()):
        yield f"| {headline.label} | {headline.value} | {headline.beside}. {headline.explanation} |"
    yield "\n" + _all_figures(facts)


def _all_figures(facts: RunFacts) -> str:
    """The figures that the evaluation names first, whichever they are."""
    evaluate = facts.get("evaluate")
    figures = numbers(evaluate.manifest.metrics) if evaluate else {}
    said = ", ".join(f"{words.name_words(name)} {figure(value)}" for name, value in figures.items())
    return f"In short: {said}.\n" if said else ""


def _training(facts: RunFacts) -> Iterator[str]:
    yield "## Training data\n"
    for source in sources(facts):
        yield f"- {words.count(source.rows)} captioned pictures of {source.name} ({source.licence})"
    yield "\nWho may use the models for what depends on these licences too.\n"


def _origin(manifest: ModelManifest) -> Iterator[str]:
    yield "## Made from\n"
    yield "\n".join(f"- {name}: `{address}`" for name, address in manifest.made_from.items()) + "\n"
