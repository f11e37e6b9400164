"""Draws candidates for every prompt with the trained generator, whatever its kind."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from models.config import Frozen
from models.generator import Sampling
from tasks import schemas
from tasks.checkpoints import generator_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.settings import Settings

FIXED_PROMPTS = (
    "a red apple",
    "a slice of pizza",
    "a cup of hot coffee",
    "a yellow smiling face",
    "a cat face",
    "a green frog",
    "a blue fish",
    "a rocket in space",
    "a red car",
    "a house with a garden",
    "a soccer ball",
    "a guitar",
)


class Config(Sampling, StageConfig):
    """Which prompts, how many candidates, and how they are drawn.

    The paper: the best of 512 by CLIP, at temperature 1 (section 2.6), which is `candidates=512`.
    """

    prompts: tuple[str, ...] = Field(FIXED_PROMPTS, description="The fixed list, the same in every report.")
    train_prompts: int = Field(64, ge=0, description="Captions of training pairs to draw, chosen by hash.")
    val_prompts: int = Field(24, ge=0, description="Captions of held-out pairs to draw, chosen by hash.")
    candidates: int = Field(8, ge=1, description="Samples for each prompt.")
    seed: int = Field(0, ge=0)
    prompts_per_shard: int = Field(8, ge=1)

    @field_validator("prompts")
    @classmethod
    def _can_be_drawn(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for place, prompt in enumerate(prompts):
            if fault := prompt_fault(prompt):
                raise ValueError(f"prompt {place + 1} {fault}")
        return prompts


def prompt_fault(prompt: str) -> str | None:
    """What is wrong with a prompt, as the end of a sentence about it; None if it can be drawn."""
    if not prompt.strip():
        return "is empty"
    try:
        prompt.encode()
    except UnicodeEncodeError:
        return "is no valid UTF-8"
    return None


class Prompt(Frozen):
    """A caption to draw; `pair_id` names the pair it comes from, if it comes from one.

    Attributes:
        group: "fixed", or the split of the pair: "train" or "val".
    """

    prompt_id: int
    text: str
    group: str
    pair_id: str | None = None


@stage(Config, version=2, reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}})
def sample(config: Config, output: Output, pairs: Artifact, generator: Artifact) -> None:
    """N candidates for the fixed prompts, for some training captions and for some held-out ones."""
    prompts = list(choose_prompts(config, pairs))
    groups = [prompts[i : i + config.prompts_per_shard] for i in range(0, len(prompts), config.prompts_per_shard)]
    output.map(partial(sample_shard, config, output.settings, generator), groups, "samples", release_models)


def choose_prompts(config: Config, pairs: Artifact) -> Iterator[Prompt]:
    """The fixed list, then training captions, then held-out ones; the same choice whatever the order of shards."""
    chosen: list[tuple[str, str, str | None]] = [("fixed", text, None) for text in config.prompts]
    for split, count in (("train", config.train_prompts), ("val", config.val_prompts)):
        chosen += [(split, caption, pair_id) for pair_id, caption in _some_captions(pairs, split, count)]
    for prompt_id, (group, text, pair_id) in enumerate(chosen):
        yield Prompt(prompt_id=prompt_id, text=text, group=group, pair_id=pair_id)


def _some_captions(pairs: Artifact, split: str, count: int) -> list[tuple[str, str]]:
    captions: list[tuple[str, str]] = []
    for shard in pairs.files(split):
        table = schemas.read_table(shard, ["pair_id", "caption"])
        captions += zip(table["pair_id"].to_pylist(), table["caption"].to_pylist(), strict=True)
    return sorted(captions, key=lambda row: hashlib.sha256(row[0].encode()).digest())[:count]


def sample_shard(config: Config, settings: Settings, generator: Artifact, prompts: Sequence[Prompt]) -> Shard:
    """All candidates of some prompts. A candidate depends on the seed, its prompt and its index alone."""
    texts = [prompt.text for prompt in prompts]
    drawing = generator_of(generator, settings).draw(texts, config.candidates, config.seed, config)
    rows = [
        {
            "prompt_id": prompt.prompt_id,
            "prompt": prompt.text,
            "group": prompt.group,
            "pair_id": prompt.pair_id,
            "index": index,
            "seed": config.seed,
            "codes": None if drawing.codes is None else drawing.codes[place, index].astype("<u2").tobytes(),
            "image": encode_png(drawing.images[place, index]),
        }
        for place, prompt in enumerate(prompts)
        for index in range(config.candidates)
    ]
    return Shard(rows_in=len(rows), tables={"samples": pa.Table.from_pylist(rows, schema=schemas.SAMPLES)})


def encode_png(image: np.ndarray) -> bytes:
    """RGB uint8 [H, W, 3] to PNG bytes."""
    import cv2

    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))[1])
