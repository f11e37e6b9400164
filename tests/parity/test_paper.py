"""The table in PAPER.md: every symbol exists, has the paper's value, and is held by a test that exists."""

import ast
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from models.config import Frozen

PROJECT = Path(__file__).parents[2]
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
    for line in (Path(__file__).parent / "PAPER.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| number")
]
INSIDE_A_FUNCTION = "-"


def stands_for(symbol: str) -> Any:
    """The object of `module:name.attribute`; a config class stands for its defaults."""
    module, path = symbol.split(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
        if isinstance(found, type) and issubclass(found, Frozen):
            found = found()
    return found


def parsed(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return float(Fraction(value)) if "/" in value else value


def test_the_table_has_the_numbers_of_the_appendix() -> None:
    assert len(ROWS) > 30
    assert all(len(row) == 5 for row in ROWS)


@pytest.mark.parametrize(("value", "symbol"), [row[2:4] for row in ROWS], ids=[row[0] for row in ROWS])
def test_every_number_of_the_table_is_in_the_code(value: str, symbol: str) -> None:
    found = stands_for(symbol)
    assert value == INSIDE_A_FUNCTION or found == parsed(value)


@pytest.mark.parametrize("test", sorted({row[4] for row in ROWS}))
def test_every_test_of_the_table_exists(test: str) -> None:
    file, name = test.split("::")
    tree = ast.parse((PROJECT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
