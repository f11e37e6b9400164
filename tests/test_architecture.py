"""What may import what: flows → tasks → models, Prefect in flows, Dask in one module, nothing heavy to start a flow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FORBIDDEN = {
    "models": {"tasks", "flows", "prefect", "dask", "distributed"},
    "tasks": {"flows", "prefect"},
    "flows": set(),
}
DASK_MODULE = PROJECT / "tasks" / "engine" / "shards.py"


def modules(layer: str) -> list[Path]:
    return sorted((PROJECT / layer).rglob("*.py"))


def imported(module: Path) -> Iterator[str]:
    """Top-level names of everything the module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_point_from_flows_to_tasks_to_models_and_never_back(layer: str) -> None:
    wrong = {
        str(module.relative_to(PROJECT)): sorted(FORBIDDEN[layer] & set(imported(module)))
        for module in modules(layer)
        if FORBIDDEN[layer] & set(imported(module))
    }
    assert wrong == {}


def test_dask_is_imported_in_one_module() -> None:
    users = [m for layer in FORBIDDEN for m in modules(layer) if {"dask", "distributed"} & set(imported(m))]
    assert users == [DASK_MODULE]


def test_no_module_is_named_for_nothing() -> None:
    names = {module.stem for layer in FORBIDDEN for module in modules(layer)}
    assert not names & {"utils", "helpers", "misc", "common"}


def test_a_flow_process_starts_without_the_heavy_libraries() -> None:
    heavy = {"torch", "img2dataset", "transformers", "scrapy", "cv2", "matplotlib"}
    code = f"import sys, flows.deployments; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == ""
