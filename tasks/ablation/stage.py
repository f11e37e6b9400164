"""The ablation stage: compares the priors of a grid, and writes ablation.json and a page."""

from tasks.ablation.comparison import compare
from tasks.ablation.config import Config
from tasks.ablation.figures import FIGURES, PAGE
from tasks.ablation.runs import read_run
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import stage


@stage(Config, headline=("gain_by_data", "gain_by_model"))
def ablation(config: Config, output: Output, **figures: Artifact) -> None:
    """Which mattered more, data or model? Tables, curves and gains with intervals over the grid.

    Args:
        figures: the evaluation of each cell, by its name.

    Raises:
        ModelMismatchError: priors that cannot be compared.
    """
    from tasks.ablation.page import ablation_page  # which loads the report's libraries

    found = compare([read_run(cell, figures[cell.name]) for cell in config.cells])
    output.metrics |= {name: each.mattered for name, each in found.answers.items()}
    if loss := found.figures.image_loss:
        output.metrics |= {"gain_by_data": loss.gain.data.value, "gain_by_model": loss.gain.model.value}
    output.write(FIGURES, (found.model_dump_json(indent=2) + "\n").encode())
    output.write(PAGE, ablation_page(found, output.settings.command).encode())
