"""What became of the data, for the Prefect UI: what the report shows, so that an operator need not open it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.pages.markdown import cell, example, table, thumbnail
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Manifest
from tasks.funnel.figures import FIGURES, Funnel, FunnelStep
from tasks.report.words import percent

REASONS = 30  # the most frequent of all stages
EXAMPLES = 2  # of a reason
DUPLICATES = 8
TOP_REASONS = 3
Row = Mapping[str, Any]


def funnel_parts(artifact: Artifact, manifest: Manifest) -> Iterator[str]:
    """The parts of the page about a funnel; none if the artifact is another stage's."""
    if not any(record.path == FIGURES for record in manifest.outputs):
        return
    funnel = Funnel.model_validate_json(storage.read_bytes(artifact.file(FIGURES)))
    examples = [row for uri in artifact.files("examples") for row in schemas.read_table(uri).to_pylist()]
    yield _steps(funnel.steps)
    yield _reasons(funnel.steps, examples)
    yield _hosts(funnel)
    yield _domains(funnel)
    yield _licences(funnel)
    yield _duplicates(examples)


def _steps(steps: Sequence[FunnelStep]) -> str:
    rows = [
        (
            f"`{step.stage}`",
            f"{step.rows_in:,} {step.unit}",
            f"= {step.rows_kept:,}",
            f"+ {step.rows_in - step.rows_kept:,}",
            percent(step.rows_kept / step.rows_in),
            ", ".join(f"`{each.reason}` {each.rows:,}" for each in step.refused[:TOP_REASONS]),
        )
        for step in steps
    ]
    return table(("stage", "in", "= kept", "+ rejected", "kept", "most frequent reasons"), rows)


def _reasons(steps: Sequence[FunnelStep], examples: Sequence[Row]) -> str:
    found = [(each.rows, step.stage, each.reason, each.share) for step in steps for each in step.refused]
    if not found:
        return ""
    rows = [
        (
            f"`{reason}`",
            f"`{stage}`",
            f"{count:,}",
            percent(share),
            "<br>".join(example(row, row["picture"]) for row in _of(examples, stage, reason)[:EXAMPLES]),
        )
        for count, stage, reason, share in sorted(found, key=lambda row: (-row[0], row[1:]))[:REASONS]
    ]
    return "## Rejected\n\n" + table(("reason", "stage", "rows", "share of the stage", "for example"), rows)


def _hosts(funnel: Funnel) -> str:
    rows = [
        (
            cell(each.host, 60),
            f"{each.tried:,}",
            f"{each.failed:,}",
            percent(each.failed / each.tried),
            ", ".join(f"`{reason}` {count:,}" for reason, count in [*each.reasons.items()][:TOP_REASONS]),
        )
        for each in funnel.hosts
    ]
    return _titled("Hosts whose downloads failed", ("host", "asked for", "failed", "share", "why"), rows)


def _domains(funnel: Funnel) -> str:
    rows = [
        (each.kind, cell(each.domain, 60), f"{each.found:,}", f"{each.kept:,}", percent(each.kept / each.found))
        for each in funnel.domains
    ]
    return _titled("Domains", ("source", "domain", "found", "packed", "share"), rows)


def _licences(funnel: Funnel) -> str:
    rows = [
        (cell(each.source, 60), cell(each.licence or "not stated", 80), f"{each.found:,}", f"{each.kept:,}")
        for each in funnel.licences
    ]
    return _titled("Licences", ("source", "licence", "found", "packed"), rows)


def _duplicates(examples: Sequence[Row]) -> str:
    pairs = sorted((row for row in examples if row["kept_picture"] and row["picture"]), key=_least_alike)[:DUPLICATES]
    rows = [
        (
            thumbnail(row["picture"], row["caption"], 64),
            thumbnail(row["kept_picture"], "kept", 64),
            f"{row['hash_bits']} of 255 bits",
            f"{row['grey_levels']} of 255",
        )
        for row in pairs
    ]
    return _titled("Duplicates, the least alike first", ("rejected", "kept", "hashes differ in", "colours by"), rows)


def _least_alike(row: Row) -> tuple[int, int, str]:
    return -row["hash_bits"], -row["grey_levels"], row["pair_id"]


def _titled(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return f"## {title}\n\n{table(header, rows)}" if rows else ""


def _of(examples: Sequence[Row], stage: str, reason: str) -> list[Row]:
    return [row for row in examples if row["stage"] == stage and row["group"] == reason and not row["is_kept"]]
