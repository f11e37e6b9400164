"""Lineage as a tree: an artifact, what it was made from, and so on back to the crawl."""

from typing import Any

from rich.text import Text
from rich.tree import Tree

from flows.wording import flow_of_rows
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError


def chosen(plan: list[Artifact], root: str, name: str | None, command: str = "dalle run") -> Artifact:
    """The artifact that `name` stands for: an address `stage/fingerprint`, a stage of the plan, or by default the last.

    Args:
        command: makes what is missing; for the message.

    Raises:
        ConfigError: there is no such artifact.
    """
    if name and "/" in name:
        stage, _, fingerprint = name.partition("/")
        artifact = Artifact(root=root, stage=stage, fingerprint=fingerprint)
    else:
        by_stage = {planned.stage: planned for planned in plan}
        if name and name not in by_stage:
            raise ConfigError(f"There is no stage '{name}'; there are: {', '.join(by_stage)}.")
        artifact = by_stage[name] if name else plan[-1]
    if not artifact.is_finished():
        raise ConfigError(f"{artifact.address} is not made yet under {root}: run `{command}`.")
    return artifact


def tree(artifact: Artifact, as_input: str = "", shown: set[str] | None = None) -> dict[str, Any]:
    """The lineage as nested dictionaries; an artifact that occurs again is named, but not expanded again."""
    shown = set() if shown is None else shown
    node: dict[str, Any] = {"input": as_input, "artifact": artifact.address}
    if artifact.address in shown:
        return node | {"shown_above": True}
    shown.add(artifact.address)
    manifest = artifact.manifest()
    return node | {
        "made": manifest.run.started,
        "counts": manifest.counts.model_dump(mode="json"),
        "flow": flow_of_rows(manifest.counts) if manifest.counts.rows_in else "",
        "made_from": [tree(source, name, shown) for name, source in artifact.inputs().items()],
    }


def drawing(node: dict[str, Any]) -> Tree:
    """The nested dictionaries of `tree` as a tree for the terminal."""
    drawn = Tree(_label(node))
    _grow(drawn, node)
    return drawn


def _grow(drawn: Tree, node: dict[str, Any]) -> None:
    for child in node.get("made_from", []):
        _grow(drawn.add(_label(child)), child)


def _label(node: dict[str, Any]) -> Text:
    return Text(node["artifact"] + ("  (see above)" if node.get("shown_above") else f"  {node['flow']}".rstrip()))
