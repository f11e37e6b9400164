"""What no configuration accepts, whatever its fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.config import Frozen
from models.training.config import TrainingConfig


class Example(Frozen):
    steps: int = 1
    temperature: float = 1.0
    scale: float | None = None
    prompts: tuple[str, ...] = ()
    name: str = ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 1e26),
        ("steps", -(2**63)),
        ("steps", float("inf")),
        ("temperature", float("inf")),
        ("temperature", "inf"),
        ("temperature", "nan"),
        ("scale", float("-inf")),
        ("prompts", ("a dog", "caf\udce9")),
        ("name", "\ud800"),
    ],
)
def test_what_cannot_be_computed_or_stored_is_refused_with_the_name_of_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


@pytest.mark.parametrize(("field", "value"), [("steps", 1e26), ("learning_rate", "inf"), ("clip_norm", "nan")])
def test_it_holds_for_real_configurations_too(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        TrainingConfig.model_validate({field: value})


def test_large_seeds_and_all_scripts_are_accepted() -> None:
    assert Example(steps=2**62, temperature=1e-30, name="café 犬 🐶").name == "café 犬 🐶"
