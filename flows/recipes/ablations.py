"""The recipe that `dalle ablate` builds its grid around."""

from flows.changes import changed
from flows.config import PipelineConfig
from flows.recipes.demos import demo


def ablation() -> PipelineConfig:
    """The demo with a prior of half its width and a third of its updates: the middle of the grid of `dalle ablate`.

    The largest prior of that grid, l, has the demo's width. Pairs, tokenizers, ranker and tokens are the demo's own
    artifacts. The grid of 18 takes less than an hour on two CPU cores beside these.
    """
    return changed(
        demo(),
        {
            "prior.model": {"width": 96, "heads": 2},
            "prior.training": {"steps": 1000, "validate_every": None, "validation_rows": 1024},
            "sample": {"prompts": (), "train_prompts": 48, "val_prompts": 64, "candidates": 4},
            "report.targets": {"composed_first": None, "composed_best": None},
        },
    )
