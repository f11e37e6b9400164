"""The compare stage: comparison.json for programs and index.html for people, from evaluations."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from tasks import schemas
from tasks.compare.comparison import LETTERS, Key, Prompts, RunComparison, SideAccount, compare_pair
from tasks.compare.config import Config
from tasks.compare.gallery import shown_prompts
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage
from tasks.evaluate.evidence import RankedSamples, TableRows, by_prompt
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.judge import JUDGED

COMPARISON, PAGE = "comparison.json", "index.html"
COLUMNS = [
    *("prompt_id", "prompt", "group", "pair_id", "index", "rank"),
    *("is_hit", "true_mse", "nearest_mse", "scorer_score", "wrong"),
]


@stage(Config, reads={letter.lower(): {"judged": JUDGED} for letter in LETTERS})
def compare(config: Config, output: Output, **evaluations: Artifact) -> None:
    """Compares the first evaluation with each other one, prompt by prompt.

    Args:
        evaluations: of the sides, in the order of the config's names, by the same judges: a, b, …
    """
    sides = [evaluations[letter.lower()] for letter in LETTERS[: len(config.names)]]
    [(found, page)] = map_shards(partial(build, config), [sides], output.settings)
    output.write(COMPARISON, (found.model_dump_json(indent=2) + "\n").encode())
    output.write(PAGE, page.encode())
    told = Counter(figure.verdict for pair in found.pairs for figure in pair.figures)
    output.metrics |= {"figures": sum(told.values()), "told": told["first"] + told["second"]}


def build(config: Config, sides: Sequence[Artifact]) -> tuple[RunComparison, str]:
    """The comparison and its page. Runs in a Dask worker, as it decodes pictures."""
    from tasks.compare.beside import beside
    from tasks.compare.page import comparison_page

    prompts = [_prompts(side) for side in sides]
    figures = [Evaluation.model_validate_json(side.read(METRICS)) for side in sides]
    limit = figures[0].memorisation.copy_limit if figures[0].memorisation else None
    pairs = [
        compare_pair((LETTERS[0], LETTERS[place]), prompts[0], own, limit.value if limit else None)
        for place, own in enumerate(prompts)
        if place > 0
    ]
    accounts = [_account(*each) for each in zip(LETTERS, config.names, sides, prompts, strict=False)]
    found = RunComparison(sides=tuple(accounts), pairs=tuple(pairs))
    return found, comparison_page(found, beside(figures), shown_prompts(sides, prompts, config.prompts_shown))


def _prompts(side: Artifact) -> dict[Key, RankedSamples]:
    rows = TableRows(pa.concat_tables([schemas.read_table(uri, COLUMNS) for uri in side.files("judged")]))
    return {(own.best["group"], own.best["prompt"], own.best["pair_id"]): own for own in by_prompt(rows)}


def _account(letter: str, name: str, side: Artifact, prompts: Prompts) -> SideAccount:
    taken = side.inputs()["scores"].inputs().get("samples")
    manifest = taken.manifest() if taken is not None and taken.stage == "take_pictures" else None
    return SideAccount(
        letter=letter,
        name=name,
        evaluation=side.address,
        prompts=len(prompts),
        pictures=sum(len(own.rows) for own in prompts.values()),
        refused=manifest.counts.rejected if manifest else {},
        without_picture=int(manifest.metrics["prompts_without_picture"]) if manifest else 0,
    )
