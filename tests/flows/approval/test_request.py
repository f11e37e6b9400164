"""A person is asked before trainings that are planned to cost more than a bound, and only then."""

from collections.abc import Callable

import pytest

from flows.approval import request as approval
from flows.approval.request import ApprovalError, request, require_approved
from flows.changes import assigned
from flows.config import PipelineConfig
from flows.cost import planned_cost
from flows.pipeline import dataset
from flows.recipes import recipe_config
from flows.recipes.scales import SCALES, spread
from flows.run import PlannedRun
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.local import LocalLauncher
from tasks.settings import Approval, Settings

DEMO = recipe_config("demo")
HOURS = planned_cost(DEMO, SCALES["demo"]).hours


@pytest.fixture(autouse=True)
def _a_machine_without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "preset_here", lambda: "cpu-2-cores")


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes these stages be found finished."""
    return lambda *stages: monkeypatch.setattr(Artifact, "is_finished", lambda self: self.stage in stages)


def asked(settings: Settings, config: PipelineConfig = DEMO, **bounds: object) -> approval.ApprovalRequest | None:
    bounded = settings.model_copy(update={"approval": Approval.model_validate(bounds)})
    return request("demo", config, dataset(PlannedRun(bounded), config), bounded)


def test_nobody_is_asked_without_a_bound_or_below_it(settings: Settings) -> None:
    assert asked(settings) is None
    assert asked(settings, above_gpu_hours=1.01 * HOURS) is None
    assert asked(settings, above_gpu_hours=0.99 * HOURS) is not None


def test_what_is_asked_names_the_trainings_the_cost_and_the_bound_and_holds_the_plan(settings: Settings) -> None:
    needed = asked(settings, above_gpu_hours=0.01, price_per_hour=3)
    assert needed is not None
    assert needed.reason.startswith(f"train_dvae and train_prior would take {HOURS:.3g} hours of a GPU, and 0.01 may")
    assert needed.plan.startswith("demo on 1 cpu-2-cores, single")
    named = dict(needed.figures)
    assert named["where"] == "1 cpu-2-cores"
    assert named["money"] == f"{3 * HOURS:.3g}, at 3 an hour and GPU"
    assert {"launcher", "parameters of the prior", "memory of a rank", "parameters of the dVAE", "time"} < named.keys()


def test_finished_trainings_cost_nothing(settings: Settings, finished: Callable[..., None]) -> None:
    finished("train_dvae")
    needed = asked(settings, above_gpu_hours=0)
    assert needed is not None
    assert needed.reason.startswith("train_prior would take")
    assert "\ndVAE\n" not in needed.plan
    finished("train_dvae", "train_prior")
    assert asked(settings, above_gpu_hours=0) is None


def test_models_that_are_taken_finished_cost_nothing(settings: Settings) -> None:
    taken = assigned(DEMO, ["models.pretrained=data/gallery"])
    assert asked(settings, taken, above_gpu_hours=0) is None


def test_a_run_that_is_finished_is_not_planned_at_all(
    settings: Settings, finished: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished("train_bpe", "train_dvae", "train_clip", "extract", "train_prior")
    monkeypatch.setattr(approval, "preset_here", lambda: pytest.fail("the machine was looked at"))
    assert asked(settings, above_gpu_hours=0) is None


def test_the_plan_is_of_the_processes_and_the_hardware_that_are_set(settings: Settings) -> None:
    eight = settings.model_copy(update={"launcher": LocalLauncher(processes_per_node=8)})
    needed = asked(eight, above_gpu_hours=0, hardware="h100-80gb")
    assert needed is not None
    assert needed.plan.startswith("demo on 1 x 8 h100-80gb, ddp")
    cost = planned_cost(DEMO, spread(SCALES["demo"].model_copy(update={"hardware": "h100-80gb"}), gpus=8))
    assert f"would take {8 * cost.hours:.3g} hours of a GPU" in needed.reason


def test_the_gpus_of_a_cluster_are_to_be_named(settings: Settings) -> None:
    cluster = KubernetesLauncher(kind="kubernetes", image="i", volume_claim="w", nodes=2, processes_per_node=2)
    there = settings.model_copy(update={"launcher": cluster})
    with pytest.raises(ConfigError, match=r"cannot see the GPUs, .* name the closest of cpu-2-cores"):
        asked(there, above_gpu_hours=0)
    needed = asked(there, above_gpu_hours=0, hardware="h100-80gb")
    assert needed is not None
    assert needed.plan.startswith("demo on 2 x 2 h100-80gb, ddp")
    assert needed.figures[0] == ("launcher", "kubernetes")


def test_a_bound_in_money_needs_a_price(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="cpu-2-cores has no price: give it with --price"):
        asked(settings, above_money=1)
    assert asked(settings, above_money=1, price_per_hour=0.9 / HOURS) is None
    needed = asked(settings, above_money=1, price_per_hour=1.1 / HOURS)
    assert needed is not None
    assert "would take 1.10 in money, and 1 may be spent without approval" in needed.reason


def test_where_nobody_can_be_asked_the_option_to_approve_is_named(settings: Settings) -> None:
    bounded = settings.model_copy(update={"approval": Approval(above_gpu_hours=0)})
    pairs = dataset(PlannedRun(bounded), DEMO)
    with pytest.raises(ApprovalError, match="run again with --approve"):
        require_approved("demo", DEMO, pairs, bounded)
    require_approved("demo", DEMO, pairs, bounded.approved())


def test_a_bound_changes_no_address(settings: Settings) -> None:
    bounded = settings.model_copy(update={"approval": Approval(above_gpu_hours=1, above_money=2)})
    assert dataset(PlannedRun(bounded), DEMO) == dataset(PlannedRun(settings), DEMO)
