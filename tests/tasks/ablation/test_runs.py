"""A run is read from the manifests and tables behind its evaluation."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from models.prior.config import PriorModelConfig
from tasks import schemas
from tasks.ablation.config import Cell
from tasks.ablation.runs import read_run
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import Stage, StageConfig
from tasks.errors import ModelMismatchError
from tasks.evaluate.judge import JUDGED
from tasks.settings import Settings

CELL = Cell(data=0.5, model="s", seed=1)
LAYOUT = PriorModelConfig(width=8, layers=1, heads=1, text_vocab=20, text_length=4, image_vocab=16, grid=2)
TRAINING = {"steps": 10, "batch_size": 4}


class Trained(StageConfig):
    training: dict[str, int] = TRAINING


def made(settings: Settings, name: str, write: Callable[[Output], None], **inputs: Artifact) -> Artifact:
    """The artifact of a stage that writes what it is told."""

    def body(config: Trained, output: Output, **read: Artifact) -> None:
        write(output)

    return Stage(name, 1, body, {}, Trained)(Trained(), settings, **inputs).artifact


def table(settings: Settings, name: str, kind: str, rows: pa.Table, **inputs: Artifact) -> Artifact:
    """The artifact of a stage with one shard."""
    shard = Shard(rows.num_rows, {kind: rows})
    return made(settings, name, lambda output: output.map(lambda item: item, [shard]), **inputs)


def judged(prompt: str, group: str, score: float, is_hit: bool | None, wrong: list[str] | None) -> dict:
    plain = {"prompt_id": 0, "index": 0, "rank": 0, "nearest_pair_id": "", "nearest_caption": "", "nearest_mse": 0.0}
    return plain | {"prompt": prompt, "group": group, "score": score, "is_hit": is_hit, "wrong": wrong}


@pytest.fixture
def prior(settings: Settings) -> Artifact:
    def write(output: Output) -> None:
        output.write("config.json", LAYOUT.model_dump_json().encode())
        output.metrics |= {"image": 1.5, "text": 2.5, "train_image": 1.0}

    codes = {"caption": "a cat", "crop": 0, "codes": bytes(8)}
    rows = [{"pair_id": f"{number}", **codes} for number in range(6)]
    tokens = table(settings, "subset", "train", pa.Table.from_pylist(rows, schemas.tokens(4)))
    return made(settings, "train_prior", write, tokens=tokens)


def evaluated(settings: Settings, generator: Artifact) -> Artifact:
    rows = [
        judged("a red apple", "fixed", 0.9, None, None),
        judged("a cat", "val", 0.1, True, ["thing"]),
        judged("a cat", "val", 0.3, False, []),
        judged("a dog", "val", 0.5, True, None),
        judged("a cow", "train", 0.7, False, []),
    ]
    drawn = made(settings, "sample", _nothing, generator=generator)
    return table(settings, "evaluate", "judged", pa.Table.from_pylist(rows, JUDGED), scores=drawn)


def _nothing(output: Output) -> None:
    output.write("empty", b"")


def test_a_run_knows_its_prior_and_what_it_was_trained_on(settings: Settings, prior: Artifact) -> None:
    run = read_run(CELL, evaluated(settings, prior))
    assert run.layout == LAYOUT
    assert run.images == 6
    assert (run.examples, run.tokens) == (40, 40 * (4 + 4))
    assert (run.loss("image"), run.loss("text")) == ({"": 1.5}, {"": 2.5})


def test_its_parameters_are_those_of_the_module(settings: Settings, prior: Artifact) -> None:
    from models.prior.model import Prior

    run = read_run(CELL, evaluated(settings, prior))
    assert run.parameters == sum(weight.numel() for weight in Prior(LAYOUT).parameters())


def test_a_drawing_is_right_by_the_judge_and_without_its_verdict_by_the_nearest_picture(
    settings: Settings, prior: Artifact
) -> None:
    run = read_run(CELL, evaluated(settings, prior))
    assert run.right == {"val": {"a cat": 0.5, "a dog": 1.0}, "train": {"a cow": 1.0}}
    assert run.scores == pytest.approx({"a cat": 0.2, "a dog": 0.5})


def test_drawings_of_another_generator_are_refused(settings: Settings) -> None:
    other = made(settings, "take_generator", _nothing)
    with pytest.raises(ModelMismatchError, match="an ablation compares priors"):
        read_run(CELL, evaluated(settings, other))
