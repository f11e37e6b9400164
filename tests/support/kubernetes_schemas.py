"""The API's own schemas of the objects that the project makes, strict: an unknown field is an error."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_SCHEMAS = json.loads(Path(__file__).with_suffix(".json").read_text())


def problems(manifest: dict[str, Any]) -> list[str]:
    """What the API would refuse in a manifest, a sentence each."""
    kind = _SCHEMAS["kinds"].get(manifest.get("kind"))
    if kind is None:
        return [f"kind {manifest.get('kind')} is not known"]
    schema = {"$ref": f"#/$defs/{kind}", "$defs": _SCHEMAS["$defs"]}
    missing = [name for name in ("apiVersion", "kind", "metadata") if name not in manifest]
    found = Draft202012Validator(schema).iter_errors(manifest)
    return [f"{name} is missing" for name in missing] + [f"{each.json_path}: {each.message}" for each in found]
