"""`dalle plan` prints a plan to read, or as JSON, and changes it as asked."""

import json

from typer.testing import CliRunner

from flows.cli.app import app


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["plan", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_papers_plan_has_the_papers_numbers() -> None:
    text = printed("--recipe", "paper-12b")
    assert "24.2 GB in 16 bits" in text
    assert "saves 85.9% of the matrices" in text
    assert "Not runnable today: the paper's 16-bit weights and gradients." in text


def test_hardware_price_and_settings_are_those_that_are_asked_for() -> None:
    asked = ["--hardware", "h100-80gb", "--gpus", "8", "--price", "2"]
    settings = ["--set", "prior.training.steps=1000", "--set", "prior.training.batch_size=16"]
    plan = json.loads(printed("--recipe", "demo", "--json", *asked, *settings))
    assert (plan["hardware"]["name"], plan["parallel"]["mode"], plan["parallel"]["gpus_per_machine"]) == (
        "h100-80gb",
        "ddp",
        8,
    )
    assert plan["money"] == plan["hours"] * 8 * 2
    assert plan["prior"]["examples"] == 1000 * 16


def test_a_wrong_name_lists_the_hardware() -> None:
    done = CliRunner().invoke(app, ["plan", "--hardware", "tpu"])
    assert done.exit_code == 2
    assert "There is no hardware 'tpu'; there are: cpu-2-cores" in done.output
