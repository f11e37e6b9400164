"""The grid: which cells, what each changes, and that equal work has one address."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from flows import recipes
from flows.ablation.estimate import estimates
from flows.ablation.flow import ablate, planned_cells
from flows.ablation.grid import SIZES, Grid, grid_of
from flows.changes import assigned
from flows.cost import prior_model
from flows.plan import plan
from flows.run import PlannedRun
from models.planning.hardware import PRESETS
from tasks.ablation.config import Cell
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.settings import Settings

GRID = Grid(data=(1.0, 0.5), model=("m", "s"), seeds=2)
WHOLE = Cell(data=1.0, model="m", seed=0)


def test_cells_are_every_share_with_every_size_and_seed_one_seed_after_the_other() -> None:
    cells = GRID.cells()
    assert [cell.seed for cell in cells] == [0] * 4 + [1] * 4
    assert [(cell.data, cell.model) for cell in cells[:4]] == [(0.5, "s"), (1.0, "s"), (0.5, "m"), (1.0, "m")]
    assert len({cell.name for cell in cells}) == 8


def test_sizes_change_the_width_and_the_heads_and_neither_depth_nor_the_size_of_a_head() -> None:
    config = recipes.ablation()
    layouts = {size: GRID.config_of(Cell(data=1.0, model=size, seed=0), config).prior.model for size in ("s", "m", "l")}
    assert [(each.width, each.heads) for each in layouts.values()] == [(48, 1), (96, 2), (192, 4)]
    assert {(each.layers, each.width // each.heads) for each in layouts.values()} == {(4, 48)}
    assert layouts["l"] == recipes.demo().prior.model


@pytest.mark.parametrize("name", ["ablation", "demo", "gallery", "smoke", "paper-12b"])
def test_the_recipes_have_heads_for_half_and_twice_the_width(name: recipes.RecipeName) -> None:
    config = recipes.recipe_config(name)
    for size in ("s", "l"):
        layout = Grid().config_of(Cell(data=1.0, model=size, seed=0), config).prior.model
        assert layout.width == SIZES[size] * config.prior.model.width


def test_heads_that_cannot_be_halved_are_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"2 heads cannot be made 0\.5 for size xs: set prior\.model\.heads"):
        GRID.config_of(Cell(data=1.0, model="xs", seed=0), recipes.ablation())


def test_all_cells_are_trained_on_equally_many_tokens() -> None:
    config = recipes.ablation()
    own = [Grid().config_of(cell, config) for cell in Grid().cells()]
    assert (
        len({each.prior.training.steps * each.prior.training.batch_size * prior_model(each).length for each in own})
        == 1
    )


def test_all_data_at_the_first_seed_is_the_very_prior_of_a_plain_run(settings: Settings) -> None:
    config = recipes.ablation()
    plain = {artifact.stage: artifact for artifact in plan(config, settings)}
    cell = {artifact.stage: artifact for artifact in planned_cells(config, GRID, settings)[WHOLE]}
    assert "subset" not in plain
    assert cell["train_prior"] == plain["train_prior"]


def test_the_shared_part_is_the_demos_own(settings: Settings) -> None:
    demo = {artifact.stage: artifact for artifact in plan(recipes.demo(), settings)}
    ours = {artifact.stage: artifact for artifact in plan(recipes.ablation(), settings)}
    shared = [stage for stage in demo if demo[stage] == ours[stage]]
    assert shared[-1] == "extract"
    assert len(shared) == 11


def test_stages_are_shared_by_fingerprint(settings: Settings) -> None:
    """Of 2 x 2 x 1 cells: what is before the prior once, one subset for the half, four priors and what they draw."""
    run = PlannedRun(settings)
    ablate(run, recipes.smoke(), Grid(data=(0.5, 1.0), model=("s", "m"), seeds=1))
    made = Counter(artifact.stage for artifact in set(run.artifacts))
    once = ("crawl", "pack", "train_bpe", "train_dvae", "train_clip", "extract", "subset", "ablation")
    assert {stage: made[stage] for stage in once} == dict.fromkeys(once, 1)
    own = ("train_prior", "sample", "rerank", "evaluate")
    assert {stage: made[stage] for stage in own} == dict.fromkeys(own, 4)
    assert sum(made.values()) == 28


def test_a_seed_trains_anew_on_other_images_and_on_the_same_whole(settings: Settings) -> None:
    cells = planned_cells(recipes.smoke(), GRID, settings)
    of = {(cell.data, cell.seed): {a.stage: a for a in cells[cell]} for cell in cells if cell.model == "m"}
    assert of[0.5, 0]["subset"] != of[0.5, 1]["subset"]
    assert of[1.0, 0]["train_prior"] != of[1.0, 1]["train_prior"]
    assert "subset" not in of[1.0, 1]


def test_every_cell_draws_training_captions_of_the_smallest_share() -> None:
    drawn = {str(GRID.config_of(cell, recipes.smoke()).sample.train_from) for cell in GRID.cells() if cell.seed == 1}
    assert drawn == {"share=0.5 seed=1"}


def test_captions_that_the_prior_never_had_do_not_count_as_seen() -> None:
    with pytest.raises(ConfigError, match=r"sample\.train_from is no part of subset \(share 0\.5, seed 0\)"):
        assigned(recipes.smoke(), ["subset.share=0.5"])
    within = ["subset.share=0.5", "sample.train_from.share=0.25"]
    assert assigned(recipes.smoke(), within).sample.train_from.share == 0.25


def test_finished_models_leave_nothing_to_ablate(settings: Settings) -> None:
    config = recipes.smoke()
    config = config.model_copy(update={"models": config.models.model_copy(update={"pretrained": "model"})})
    with pytest.raises(ConfigError, match=r"leave out models\.pretrained"):
        ablate(PlannedRun(settings), config, GRID)


@pytest.mark.parametrize(
    ("data", "model", "said"),
    [
        ("1", "s,m", "data.*2 levels"),
        ("0.5,0.5", "s,m", "data.*twice"),
        ("0,1", "s,m", "above 0"),
        ("0.5,1", "s,q", "'xl'"),
    ],
)
def test_what_is_no_grid_is_refused(data: str, model: str, said: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){said}"):
        grid_of(data, model, 1)


def test_shares_that_are_no_numbers_are_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"shares of the data such as 0\.25,0\.5,1, not 'half,1'"):
        grid_of("half,1", "s,m", 1)


def test_levels_are_ordered_whatever_the_order_they_are_named_in() -> None:
    assert grid_of("1, 0.25", "l,s", 3) == Grid(data=(0.25, 1.0), model=("s", "l"), seeds=3)


def test_before_a_cell_is_made_its_training_is_planned(settings: Settings) -> None:
    config = recipes.ablation()
    configs = {cell: GRID.config_of(cell, config) for cell in GRID.cells()}
    found = estimates(configs, planned_cells(config, GRID, settings), PRESETS["cpu-2-cores"])
    assert {each.measured for each in found} == {False}
    assert {(each.cell.data, each.artifacts) for each in found} == {(0.5, 5), (1.0, 4)}
    by_size = {each.cell.model: each.seconds for each in found}
    assert by_size["m"] > 2 * by_size["s"]


class Done(Artifact):
    """An artifact that is finished, and took so long."""

    seconds: float

    def is_finished(self) -> bool:
        return True

    def manifest(self) -> Any:
        return SimpleNamespace(run=SimpleNamespace(seconds=self.seconds))


def test_after_a_cell_is_made_the_others_are_estimated_from_it(settings: Settings) -> None:
    """Those of its size take as long, those of another as much longer as was planned; what is made takes no more."""
    config = recipes.ablation()
    configs = {cell: GRID.config_of(cell, config) for cell in GRID.cells()}
    planned = planned_cells(config, GRID, settings)
    before = {each.cell: each.seconds for each in estimates(configs, planned, PRESETS["cpu-2-cores"])}
    took = {"train_prior": 3 * before[WHOLE], "sample": 7.0, "rerank": 2.0, "evaluate": 30.0}
    planned[WHOLE] = [Done(**each.model_dump(), seconds=took[each.stage]) for each in planned[WHOLE]]
    after = {each.cell: each for each in estimates(configs, planned, PRESETS["cpu-2-cores"])}
    assert (after[WHOLE].made, after[WHOLE].seconds) == (4, 0.0)
    alike, other = Cell(data=0.5, model="m", seed=1), Cell(data=1.0, model="s", seed=0)
    assert after[alike].seconds == pytest.approx(took["train_prior"] + 39)
    assert after[other].seconds == pytest.approx(3 * before[other] + 39)
    assert {each.measured for each in after.values()} == {True}
