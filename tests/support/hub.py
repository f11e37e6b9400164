"""A model hub on this machine, which answers what huggingface_hub asks for."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from support.web import Answer, web_site

COMMIT = "c0ffee" + 34 * "0"


@contextmanager
def hub(models: Mapping[str, Path], asked: list[str] | None = None) -> Iterator[str]:
    """The address of a hub that holds the folders by the names of their models; `main` and COMMIT are one revision."""
    paths: dict[str, Answer] = {}
    for name, folder in models.items():
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        for revision in ("main", COMMIT):
            about = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
            tree = [
                {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for file, data in files.items()
            ]
            paths[f"/api/models/{name}/revision/{revision}"] = json.dumps(about)
            paths[f"/api/models/{name}/tree/{revision}?recursive=true&expand=false"] = json.dumps(tree)
            for file, data in files.items():
                paths[f"/{name}/resolve/{revision}/{file}"] = _file(data)
    with web_site(paths, asked=asked) as address:
        yield address


def _file(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        handler.send_header("X-Repo-Commit", COMMIT)
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(data)

    return answer
