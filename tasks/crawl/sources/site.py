"""Crawls one site: a spider in a process of its own finds image references, which are then checked here."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.crawl.candidates import IMAGE_SCHEMES, Reference, Verdict, shard_of
from tasks.crawl.config import REPOSITORY, Config
from tasks.crawl.robots import ask_hosts, forbids
from tasks.engine.output import Shard
from tasks.errors import SourceError


def crawl_site(config: Config, source: str, start_url: str) -> Shard:
    """The image references of one site, each a candidate or a reject with its reason."""
    found = _run_spider(config, start_url)
    references = [Reference(**row) for row in found["references"]]
    # Of equal references the one on the first page by URL is kept, whichever page was fetched first.
    references.sort(key=lambda reference: reference.page_url)
    if config.licence is not None:
        references = [_with_licence(reference, config.licence) for reference in references]
    fetchable = [r.url for r in references if r.url.startswith(IMAGE_SCHEMES)]
    rules = ask_hosts(fetchable, trusted_host=urlsplit(start_url).netloc)

    def judge(reference: Reference) -> Verdict | None:
        if not reference.url.startswith(IMAGE_SCHEMES):
            return Verdict("bad_url", reference.url.split(":")[0][:20] if ":" in reference.url else "no address")
        if not (reference.alt or "").strip():
            return Verdict("missing_alt")
        if reference.opted_out is not None:
            return Verdict("opted_out", reference.opted_out)
        return forbids(rules, reference.url)

    return shard_of(references, source, judge, found["counts"])


def _with_licence(reference: Reference, licence: str) -> Reference:
    return reference if reference.licence else Reference(**{**vars(reference), "licence": licence})


def _run_spider(config: Config, start_url: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        job = {
            "start_url": start_url,
            "max_pages": config.max_pages,
            "max_depth": config.max_depth,
            "delay_s": 0.0 if config.is_demo else config.delay_s,
            "out": str(out),
        }
        (Path(folder) / "job.json").write_text(json.dumps(job))
        command = [sys.executable, "-m", "tasks.crawl.sources.spider", f"{folder}/job.json"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if not out.exists():
            said = done.stderr.strip().splitlines()
            raise SourceError(f"The crawl of {start_url} ended early ({said[-1] if said else 'it said nothing'}).")
        found: dict[str, Any] = json.loads(out.read_text())
        return found
