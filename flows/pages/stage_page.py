"""The page about one stage in the Prefect UI: row counts, rejects with examples, images, metrics, config."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.pages.funnel_page import funnel_parts
from flows.pages.markdown import attribute, example, link, table, thumbnail
from flows.wording import figure, flow_of_rows, numbers
from tasks import schemas
from tasks.engine.artifact import Artifact, Manifest
from tasks.engine.meter import duration

EXAMPLES_PER_REASON = 3
PICTURES = 16
FIGURES = 40
SHARDS_SEARCHED = 8  # bounds the search for examples, so that the page of a large artifact is made quickly
_CAPTIONS = ("caption", "prompt", "alt")


def account(manifest: Manifest, reused: bool) -> str:
    """One line: rows in, out and rejected, or the first metrics of a stage without rows; time and memory."""
    metrics = ", ".join(f"{name} {figure(value)}" for name, value in [*numbers(manifest.metrics).items()][:2])
    told = flow_of_rows(manifest.counts) if manifest.counts.rows_in else metrics
    made = "reused, was made in" if reused else "made in"
    cost = f"{made} {duration(manifest.run.seconds)} with {manifest.run.peak_memory_mb:,.0f} MB"
    return f"{told}; {cost}" if told else cost


def page(artifact: Artifact, manifest: Manifest, reused: bool) -> str:
    """The whole page, with images as data URIs."""
    origin = f"Reused. It was made {manifest.run.started[:16].replace('T', ' ')} in" if reused else "Made in"
    size = sum(record.bytes for record in manifest.outputs)
    parts = [
        f"# {artifact.stage}",
        f"{origin} {duration(manifest.run.seconds)} with {manifest.run.peak_memory_mb:,.0f} MB of memory.",
        _totals(manifest),
        *funnel_parts(artifact, manifest),
        _report(artifact, manifest),
        _rejects(artifact, manifest),
        _pictures(artifact, manifest),
        _figures(manifest),
        _config(manifest),
        f"## Where\n\n`{artifact.uri}`\n\nFiles: {len(manifest.outputs):,}, together {size / 1e6:,.1f} MB",
        _inputs(manifest),
    ]
    return "\n\n".join(part for part in parts if part)


_PICTURES = {
    "codes": "How often each code occurs, the most frequent first (logarithmic)",
    "reconstructions": "Held-out images, and below them what the codes keep",
    "drawings": "Held-out pictures, and below them what the prior draws for their captions",
}


def training_pictures(pictures: Sequence[Path], step: int) -> str:
    """The pictures of a training that is not finished, PNG files, as data URIs."""
    parts = [f"# After {step:,} steps"]
    for path in pictures:
        encoded = base64.b64encode(path.read_bytes()).decode()
        title = _PICTURES.get(path.stem, path.stem)
        parts.append(f'## {title}\n\n<img src="data:image/png;base64,{encoded}" title="{attribute(path.stem)}">')
    return "\n\n".join(parts)


def _totals(manifest: Manifest) -> str:
    if not manifest.counts.rows_in:
        return ""
    unit = manifest.counts.unit
    row = tuple(f"{n:,}" for n in manifest.counts.totals)
    return table((f"{unit} in", f"{unit} out", "rejected"), [row])


def _report(artifact: Artifact, manifest: Manifest) -> str:
    pages = [record.path for record in manifest.outputs if record.path.endswith(".html")]
    if not pages:
        return ""
    return "## Report\n\n" + "\n".join(f"- {link(artifact.file(path))}" for path in pages)


def _rejects(artifact: Artifact, manifest: Manifest) -> str:
    rejected = manifest.counts.rejected
    if not rejected:
        return ""
    examples = _examples(artifact, set(rejected))
    rows = [
        (f"`{reason}`", f"{count:,}", f"{count / manifest.counts.rows_in:.1%}", "<br>".join(examples.get(reason, [])))
        for reason, count in sorted(rejected.items(), key=lambda item: -item[1])
    ]
    return "## Rejected\n\n" + table(("reason", "rows", "share", "for example"), rows)


def _examples(artifact: Artifact, reasons: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for uri in artifact.files("rejects")[:SHARDS_SEARCHED]:
        table = schemas.read_table(uri)
        for row in table.to_pylist():
            seen = found.setdefault(row["reason"], [])
            if len(seen) < EXAMPLES_PER_REASON:
                seen.append(example(row, row["image"]))
        if all(len(found.get(reason, [])) >= EXAMPLES_PER_REASON for reason in reasons):
            break
    return found


def _pictures(artifact: Artifact, manifest: Manifest) -> str:
    pictures = [html for data, words in _first_images(artifact, manifest) if (html := thumbnail(data, words))]
    return "## Pictures\n\n" + " ".join(pictures) if pictures else ""


def _first_images(artifact: Artifact, manifest: Manifest) -> Iterator[tuple[bytes, str]]:
    """The first images of the first table that has some, spread over its first row group."""
    for record in manifest.outputs:
        if not record.path.endswith(".parquet") or record.path.startswith("rejects-"):
            continue
        with schemas.opened_shard(artifact.file(record.path)) as shard:
            if "image" not in shard.schema_arrow.names or not shard.num_row_groups:
                continue
            captions = [name for name in _CAPTIONS if name in shard.schema_arrow.names][:1]
            rows = shard.read_row_group(0, columns=["image", *captions]).to_pylist()
        for row in rows[:: max(1, len(rows) // PICTURES)][:PICTURES]:
            yield row["image"], row[captions[0]] if captions else ""
        return


def _figures(manifest: Manifest) -> str:
    found = list(numbers(manifest.metrics).items())
    if not found:
        return ""
    more = f"\n\n… and {len(found) - FIGURES} more in the manifest." if len(found) > FIGURES else ""
    return "## Figures\n\n" + table(("figure", "value"), [(n, figure(v)) for n, v in found[:FIGURES]]) + more


def _config(manifest: Manifest) -> str:
    if not manifest.config:
        return ""
    return "## Config\n\n```json\n" + json.dumps(manifest.config, indent=2) + "\n```"


def _inputs(manifest: Manifest) -> str:
    if not manifest.inputs:
        return ""
    return "## Made from\n\n" + table(("input", "artifact"), [(n, f"`{a}`") for n, a in manifest.inputs.items()])
