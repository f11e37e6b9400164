"""Tars of pictures with captions, as people and programs write them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from support.web import picture


def tar(path: Path, *files: tuple[str, bytes | str | dict[str, Any]] | tarfile.TarInfo) -> Path:
    """A tar of these files in order; a mapping is written as JSON, a TarInfo as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for file in files:
            if isinstance(file, tarfile.TarInfo):
                archive.addfile(file)
                continue
            name, content = file
            data = json.dumps(content) if isinstance(content, dict) else content
            data = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def samples(*captions: str, first: int = 0) -> list[tuple[str, bytes | str]]:
    """A picture and a text for each caption, named by number."""
    found: list[tuple[str, bytes | str]] = []
    for number, caption in enumerate(captions, first):
        found += [(f"{number:09d}.jpg", picture(number, (64, 64), "JPEG")), (f"{number:09d}.txt", caption)]
    return found
