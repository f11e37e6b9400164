"""An ablation as text: the answer, what each measure says, and its two-way table; for the Prefect UI and a terminal."""

from collections.abc import Iterator

from flows.pages.markdown import link, table
from tasks.ablation.figures import PAGE, Ablation, AblationFigures
from tasks.ablation.tables import table_rows, writer
from tasks.engine.artifact import Artifact
from tasks.report import words


def ablation_page(found: Ablation, artifact: Artifact) -> str:
    """The page in markdown."""
    parts = [f"# Data or model?\n\n{found.answer}", f"With charts: {link(artifact.file(PAGE))}"]
    for name, answer in found.answers.items():
        header, *rows = two_way(found, name)
        parts.append(f"## {title(name)}\n\n{answer.sentence}\n\n{table(header, rows)}")
    return "\n\n".join(parts)


def ablation_lines(found: Ablation) -> Iterator[str]:
    """The same for a terminal."""
    for name, answer in found.answers.items():
        yield from ("", title(name))
        grid = two_way(found, name)
        widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
        yield from (
            "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in grid
        )
        yield f"  {answer.sentence}"
    yield from ("", found.answer)


def title(measure: str) -> str:
    """What a measure is called."""
    return AblationFigures.model_fields[measure].title or measure


def two_way(found: Ablation, measure: str) -> list[tuple[str, ...]]:
    """The table of a measure with its header: means of the seeds, with their range where there are several."""
    write = writer(measure)
    rows = [("images", *(f"model {size.model}" for size in found.sizes))]
    for share, cells in zip(found.shares, table_rows(found, measure), strict=True):
        ranges = [f" ({write(cell.low)} to {write(cell.high)})" if found.seeds > 1 else "" for cell in cells]
        means = [write(cell.mean) + spread for cell, spread in zip(cells, ranges, strict=True)]
        rows.append((words.percent(share.data), *means))
    return rows
