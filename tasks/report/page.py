"""The page: facts in, HTML out. What is said where is in page.html.j2; how it looks, in page.css."""

import json
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tasks.evaluate.quantities import Question
from tasks.report import funnel, gallery, words
from tasks.report.config import Config
from tasks.report.energy import EnergySection
from tasks.report.facts import Finished, RunFacts
from tasks.report.headlines import headlines
from tasks.report.measured import sections
from tasks.report.pictures import PictureSheets, exact_picture, picture_of, whole_picture
from tasks.report.summary import summary
from tasks.report.tokens import code_grid
from tasks.report.training import trainings
from tasks.report.translations import translations
from tasks.study.figures import StudySection

EXAMPLE_PX = 96  # longest side of the examples of the data part, which are shown at half of that or less
ROW_PX = 768  # of a row of eight pictures


def render(config: Config, facts: RunFacts, cards: Sequence[str] = ()) -> str:
    """The whole page as one HTML document without a single outside request.

    Args:
        cards: names of files beside the page, to which it links.
    """
    shown = gallery.open_gallery(facts, config.prompts_at_most, config.suite_prompts)
    sheets = PictureSheets(min(config.picture_px, facts.image_size or config.picture_px))
    study = StudySection(study=facts.study) if facts.study else None
    energy = EnergySection(energy=facts.energy) if facts.energy else None
    measured = sections(facts.evaluation, "evaluation") | sections(study) | sections(energy)
    images = gallery.picked_images(facts, [panel for section in measured.values() for panel in section.panels])
    known = environment()
    known.globals |= {"picture": sheets.picture, "exact_picture": exact_picture, "code_grid": code_grid}
    known.globals["whole_picture"] = partial(whole_picture, side=EXAMPLE_PX)
    known.globals["wide_picture"] = partial(picture_of, side=ROW_PX)
    known.globals["sample_image"] = lambda sample: images.get(gallery.key_of(sample))
    return known.get_template("page.html.j2").render(
        style=style(),
        sheets=sheets,
        config=config,
        headlines=headlines(facts, config.targets),
        summary=summary(facts),
        facts=facts,
        gallery=shown,
        translations=translations(facts, config.prompts_shown),
        bars=funnel.bars(facts),
        funnel=funnel.view(facts, config.rejects_shown),
        examples=gallery.some_pairs(facts, 16),
        panel=gallery.panel(facts),
        Question=Question,
        sections=measured,
        card_files=cards,
        trainings=trainings(facts),
        extremes=_extremes(shown),
        costs=_costs(facts),
        versions=_versions(facts),
    )


def style() -> Markup:
    """The style sheet of every page that is drawn like this one."""
    return Markup(files("tasks.report").joinpath("page.css").read_text())


def environment() -> Environment:
    """What the templates of every such page know."""
    known = Environment(
        loader=PackageLoader("tasks.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "duration", "memory", "size", "grey", "name_words", "percent", "reason_words"):
        known.filters[name] = getattr(words, name)
    known.filters["pretty_json"] = partial(json.dumps, indent=2, sort_keys=True, ensure_ascii=False)
    return known


def _extremes(shown: gallery.Gallery, each: int = 6) -> dict[str, list[tuple[str, gallery.Sample]]]:
    """The best samples nearest to, and farthest from, any training image."""
    known = [(p.prompt, p.best) for p in shown.prompts if p.best.nearest_mse is not None]
    ordered = sorted(known, key=lambda item: (item[1].nearest_mse, item[0]))
    if len(ordered) < 2 * each:
        return {"all": ordered} if ordered else {}
    return {"nearest": ordered[:each], "farthest": ordered[-each:]}


def _costs(facts: RunFacts) -> list[dict[str, Any]]:
    """Time, speed and memory of each stage, with the share of the largest."""
    runs = {name: done.manifest.run for name, done in facts.stages.items()}
    longest = max((run.seconds for run in runs.values()), default=0.0) or 1.0
    largest = max((run.peak_memory_mb for run in runs.values()), default=0.0) or 1.0
    return [
        {
            "stage": name,
            "run": run,
            "time": run.seconds / longest,
            "memory": run.peak_memory_mb / largest,
            "speed": words.speed(*work, run.seconds) if (work := facts.work(name)) else "",
        }
        for name, run in runs.items()
    ]


def _versions(facts: RunFacts) -> dict[str, str]:
    """Library versions, and all of them where stages ran with different ones."""
    done: Sequence[Finished] = list(facts.stages.values())
    names = sorted({name for each in done for name in each.manifest.run.versions})
    found = {n: sorted({e.manifest.run.versions[n] for e in done if n in e.manifest.run.versions}) for n in names}
    return {name: ", ".join(versions) for name, versions in found.items()}
