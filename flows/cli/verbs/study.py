"""The verbs of a human study: make the page, read the answers, plan the numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.verbs.options import Json

if TYPE_CHECKING:
    from tasks.evaluate.quantities import Estimate
    from tasks.study.figures import StudyResults

Side = Annotated[
    str,
    typer.Argument(
        help="A folder of `dalle generate`, a folder with a CSV file (file,prompt), or a finished artifact of rerank "
        "or pack (its held-out originals), such as runs/rerank/0123456789abcdef."
    ),
]
SEEDS = 1 << 31

study = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Let people compare the pictures of two models, blinded: make a page, read the answers, plan the numbers.",
)


@study.command()
def make(
    a: Side,
    b: Side,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Prompts that both have, drawn at random.  [default: all]")
    ] = None,
    checks: Annotated[int, typer.Option(min=0, help="Further pairs of a picture and the same cut up.")] = 0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of sides and order; raters must not know it.  [default: drawn]")
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Of several candidates the first drawn, not the best ranked.")
    ] = False,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the pictures, pixels.")] = 256,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Which picture is better?",
) -> None:
    """Write a page on which people compare the pictures of A and B, and the key that only you keep."""
    import secrets

    from flows.cli.console import WaitingLine
    from tasks.study.page import FOR_RATERS, PAGE, write_study
    from tasks.study.pairs import KEY, draw_pairs
    from tasks.study.plan import counted
    from tasks.study.sides import read_side

    with WaitingLine() as tell:
        tell("Reading the prompts of both sides")
        sides = read_side(a, first), read_side(b, first)
        key = draw_pairs(*sides, secrets.randbelow(SEEDS) if seed is None else seed, pairs, checks)
        tell("Writing the pictures")
        write_study(key, *sides, out, size, title, lambda done: tell.progress(f"{done:,} of {len(key.pairs):,} pairs"))
    compared = len(key.compared())
    alone = sum(len(side.places) - compared for side in sides)
    more = f" and {counted(len(key.pairs) - compared, 'check')}" if len(key.pairs) > compared else ""
    unused = f"; {alone:,} pictures of other prompts are not used" if alone else ""
    typer.echo(f"{counted(compared, 'pair')}{more}{unused}")
    typer.echo(f"For the raters: {out / FOR_RATERS / PAGE}  (give them the whole folder {out / FOR_RATERS})")
    typer.echo(f"Which picture is whose: {out / KEY}  (do not give this to them)")


@study.command()
def read(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that `dalle study make` wrote.")],
    answers: Annotated[list[Path], typer.Argument(metavar="ANSWERS...", help="The CSV files of the raters.")],
    json_: Json = False,
) -> None:
    """Count the raters' answers: shares, intervals, agreement, and what so many raters and pairs could have found."""
    from flows.cli.console import WaitingLine
    from tasks.engine import storage
    from tasks.study.answers import read_answers
    from tasks.study.figures import RESULTS
    from tasks.study.page import read_key
    from tasks.study.plan import counted
    from tasks.study.results import study_results
    from tasks.study.results_page import results_page

    with WaitingLine() as tell:
        tell("Counting")
        key = read_key(out)
        results = study_results(key, read_answers(answers, key))
        text = results.model_dump_json(indent=2) + "\n"
        for name, content in {RESULTS: text, "results.html": results_page(results)}.items():
            with storage.plain_errors(str(out / name), "write", "another OUT"):
                storage.replace_file(out / name, content.encode())
    for left in results.left_out:
        typer.echo(f"Left out: {left.file}: {counted(left.rows, 'row')}: {left.why}.", err=True)
    if json_:
        typer.echo(text.rstrip())
        return
    for line in _lines(results):
        typer.echo(line)
    typer.echo(f"{out / 'results.html'}  (in the report of a run: --set report.study={out / RESULTS})")


@study.command()
def plan(
    raters: Annotated[int, typer.Option(min=1, max=1000, help="Raters of each pair.")] = 5,
    pairs: Annotated[int, typer.Option(min=1, max=20_000, help="Pairs of pictures.")] = 50,
    preference: Annotated[
        float, typer.Option(min=0.5, max=1, help="Share of votes for A, if there were no end of them.")
    ] = 0.6,
    correlation: Annotated[
        float, typer.Option(min=0, max=1, help="Of two raters' votes on one pair; `dalle study read` tells yours.")
    ] = 0.2,
    json_: Json = False,
) -> None:
    """Say what a study with so many raters and pairs would find, before anybody is asked."""
    from tasks.study.plan import plan_lines, plan_study

    planned = plan_study(raters, pairs, preference, correlation)
    typer.echo(planned.model_dump_json(indent=2) if json_ else "\n".join(plan_lines(planned)))


def _lines(results: "StudyResults") -> list[str]:
    """The figures of a study for a terminal."""
    figures = results.figures
    lines = [f"A: {figures.a}", f"B: {figures.b}", f"{figures.raters} raters, {figures.pairs:,} pairs"]
    for title, question in (("More realistic", figures.realism), ("Matches the caption", figures.caption)):
        if question is None:
            lines.append(f"{title}: nobody answered this")
            continue
        won = f"{question.wins_a} pairs to {question.wins_b}, {question.ties} tied; p = {question.p_value:.2g}"
        lines += [
            f"{title}: A wins {_written(question.majority)} of the decided pairs by majority ({won})",
            f"  of all votes A has {_written(question.votes)}; with other raters too {_written(question.other_raters)}",
            f"  Krippendorff's alpha {_written(question.agreement)}",
            f"  {question.power.note}",
        ]
    return lines


def _written(estimate: "Estimate | None") -> str:
    """An estimate with its 95 % interval, such as `63% (51-74%)`."""
    from tasks.report import words

    if estimate is None:
        return words.NOTHING
    return f"{words.quantity(estimate.value, estimate.unit)} ({words.interval(estimate)})"
