"""The image is made of files and commands that there are; no engine that could build it is needed."""

import re
import tomllib

import pytest
from packaging.specifiers import SpecifierSet

from tasks import REPOSITORY

DOCKERFILE = (REPOSITORY / "infra" / "Dockerfile").read_text()
KNOWN = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, on one line."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def of(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def included(path: str) -> bool:
    """Whether the build sees a file or folder of the repository, by the patterns that this project uses."""
    ignore = (REPOSITORY / "infra" / "Dockerfile.dockerignore").read_text().split()
    assert ignore[0] == "*"
    return f"!{path}" in ignore or any(
        (REPOSITORY / path).match(pattern[1:]) for pattern in ignore if pattern.startswith("!") and "*" in pattern
    )


def test_only_instructions_that_are_known_are_used_and_it_does_not_end_as_root() -> None:
    assert {word for word, _ in instructions()} == KNOWN
    assert instructions()[0][0] == "FROM"
    assert of("USER")[-1] not in ("root", "0")


def test_python_is_one_that_the_project_runs_on() -> None:
    [base] = of("FROM")
    version = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", base)
    assert version is not None
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert version[1] in SpecifierSet(project["requires-python"])


def test_what_it_makes_is_a_target_of_the_makefile_and_puts_the_command_on_the_path() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    [target] = re.findall(r"make (\w+)$", "\n".join(of("RUN")), re.MULTILINE)
    assert re.search(rf"^{target}: \.venv/installed", makefile, re.MULTILINE)
    assert "BIN := .venv/bin" in makefile
    assert f"PATH={of('WORKDIR')[0]}/.venv/bin:$PATH" in of("ENV")[0]
    [words] = of("CMD")
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    assert re.findall(r'"([^"]+)"', words)[0] in scripts


@pytest.mark.parametrize(
    "needed",
    [
        *("flows", "tasks", "models", "data", "pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"),
        *("infra/prefect-kubernetes.yaml", "infra/prefect.yaml"),
    ],
)
def test_the_build_sees_what_the_installation_reads(needed: str) -> None:
    assert (REPOSITORY / needed).exists()
    assert included(needed)


@pytest.mark.parametrize("left_out", [".venv", "tests", ".git", "runs", "infra/prefect-ui.png"])
def test_the_build_does_not_see_the_rest(left_out: str) -> None:
    assert not included(left_out)
