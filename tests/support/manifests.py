"""The manifests of a root, for comparing runs."""

import json
from pathlib import Path


def accounts(root: Path) -> dict[str, dict]:
    """All manifests without their run records; the report's files hold times, so its digests are left out too."""
    found = {}
    for path in root.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["run"]
        if manifest["stage"] == "report":
            del manifest["outputs"]
        assert manifest["stage"] not in found, f"{manifest['stage']} was done twice"
        found[manifest["stage"]] = manifest
    return found
