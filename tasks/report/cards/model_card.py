"""The model card, after Mitchell et al. 2019 (https://arxiv.org/abs/1810.03993), with the hub's front matter.

What is said in numbers is read from the run's manifests and metrics; the other sentences stand in model_card.md.j2. The
report writes it beside its page, and `dalle export` into the folder of the models.

Front matter: huggingface/hub-docs, modelcard.md and docs/hub/model-cards-co2.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from models.folder import ModelManifest
from tasks.evaluate.figures import headline
from tasks.report import words
from tasks.report.cards.estimates import measured_parts, not_measured
from tasks.report.cards.markdown import plain
from tasks.report.config import Config
from tasks.report.energy import estimate, hardware
from tasks.report.facts import RunFacts
from tasks.report.funnel import packed_sources
from tasks.report.headlines import headlines
from tasks.report.summary import summary

TAGS = ["dall-e", "text-to-image", "image-generation"]
SOURCE_OF_CO2 = "estimate after Green Algorithms (Lannelongue et al. 2021) from measured times"
SCREENED = "screen_captions"


@dataclass(frozen=True)
class ModelFolder:
    """The exported folder that a card lies in. `sheet`: path in it of the sheet of previews, where there is one."""

    manifest: ModelManifest
    is_half_precision: bool
    config: str
    sheet: str | None

    @property
    def bytes(self) -> int:
        """Of all files that are listed."""
        return sum(file.bytes for file in self.manifest.files.values())


def model_card(facts: RunFacts, config: Config, folder: ModelFolder | None = None) -> str:
    """The card in Markdown.

    Args:
        folder: that the card lies in; None beside the report's page.
    """
    parts = [part for part in measured_parts(facts.evaluation) if part.rows]
    energy = estimate(facts.runs, config.energy)
    return (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            front_matter=front_matter(facts, config),
            name=config.title,
            facts=facts,
            folder=folder,
            prompt=_prompt(folder),
            summary=summary(facts) if facts.evaluation else [],
            headlines=[each for each in headlines(facts, config.targets) if each.question],
            parts=parts,
            not_measured=not_measured(facts.evaluation),
            models=dict(_models(facts)),
            sources=packed_sources(facts),
            energy=energy,
            energy_config=config.energy,
            hardware=hardware(facts.runs),
        )
    )


def front_matter(facts: RunFacts, config: Config) -> str:
    """The metadata between its two lines, without them.

    No licence is named: whose the models are to use depends on the licences of their training pictures, and on whoever
    publishes them.
    """
    from huggingface_hub import EvalResult, ModelCardData

    pack, energy = facts.get("pack"), estimate(facts.runs, config.energy)
    dataset = pack.artifact.address if pack else "not known"
    results = [
        EvalResult("text-to-image", dataset, f"held-out and training pairs of {dataset}", name, float(f"{value:.6g}"))
        for name, value in (headline(facts.evaluation) if facts.evaluation else {}).items()
    ]
    more: dict[str, Any] = {}
    if energy is not None:
        where = {"geographical_location": config.energy.location} if config.energy.location else {}
        more["co2_eq_emissions"] = {
            "emissions": float(f"{energy.co2e_g:.3g}"),
            "source": f"{SOURCE_OF_CO2}: {energy.counted_with}",
            "training_type": "pre-training",
            "hardware_used": hardware(facts.runs),
            **where,
        }
    return ModelCardData(
        language="en" if facts.get(SCREENED) else None,
        library_name="dalle-pipeline",
        pipeline_tag="text-to-image",
        tags=TAGS,
        model_name=config.title if results else None,
        eval_results=results or None,
        **more,
    ).to_yaml()


def _prompt(folder: ModelFolder | None) -> str:
    prompts = folder.manifest.prompts if folder else ()
    return (prompts[0] if prompts else "a red apple").replace('"', "'")


def _models(facts: RunFacts) -> Iterator[tuple[str, str]]:
    """Each trained model with its shape, as it was configured."""
    for name, done in facts.stages.items():
        shape = done.manifest.config.get("model")
        if isinstance(shape, Mapping):
            yield name, ", ".join(f"{key} {_written(value)}" for key, value in shape.items() if value not in (None, ""))


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _environment() -> Environment:
    known = Environment(
        loader=PackageLoader("tasks.report.cards", ""),
        autoescape=False,  # Markdown: what strangers wrote goes through `plain`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "duration", "memory", "number", "percent", "interval", "size", "name_words", "reason_words"):
        known.filters[name] = getattr(words, name)
    known.filters["plain"] = plain
    known.filters["quantity"] = lambda each: words.quantity(each.value, each.unit)
    return known
