"""Other verbs about the run that a report is of."""

import pytest

from tasks.report.provenance import Provenance


def test_another_verb_has_the_options_of_the_run() -> None:
    origin = Provenance(command="dalle run --recipe smoke --set 'sample.prompts=[\"a cat\"]'")
    assert origin.figure_command("evaluation.hits") == (
        "dalle report evaluation.hits --recipe smoke --set 'sample.prompts=[\"a cat\"]'"
    )
    assert origin.command_of("generate", "a cat's hat") == (
        "dalle generate 'a cat'\"'\"'s hat' --recipe smoke --set 'sample.prompts=[\"a cat\"]'"
    )


@pytest.mark.parametrize("command", [None, "dalle evaluate --model folder"])
def test_without_a_run_by_command_the_file_itself_is_read(command: str | None) -> None:
    origin = Provenance(command=command)
    assert origin.command_of("status") is None
    assert origin.figure_command("curves.train_dvae") == "jq .curves.train_dvae report.json"
