"""Draws candidates for every prompt with the trained generator, whatever its kind."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

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
from tasks.train.subset import TrainingShare

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
    train_from: TrainingShare = Field(
        default_factory=TrainingShare,
        description="The training images that these captions are of: those of `subset`, or a part of them.",
    )
    val_prompts: int = Field(
        24, ge=0, description="Captions of held-out pairs to draw, chosen by hash; none that training has too."
    )
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


@stage(Config, version=3, reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}})
def sample(config: Config, output: Output, pairs: Artifact, generator: Artifact) -> None:
    """N candidates for the fixed prompts, for some training captions and for some held-out ones."""
    prompts = list(choose_prompts(config, pairs))
    groups = [prompts[i : i + config.prompts_per_shard] for i in range(0, len(prompts), config.prompts_per_shard)]
    output.map(partial(sample_shard, config, output.settings, generator), groups, "samples", release_models)


def choose_prompts(config: Config, pairs: Artifact) -> Iterator[Prompt]:
    """The fixed list, then training captions, then held-out ones; the same choice whatever the order of shards.

    A held-out caption that training has too, letter by letter but for case, is left out: it asks for nothing new. No
    text is twice in a group. Memory holds the held-out captions, and a shard of those of training.
    """
    held_out = {text for shard in pairs.files("val") for text in _texts(shard)}
    known = {text for shard in pairs.files("train") for text in _texts(shard) if text in held_out}
    chosen: list[tuple[str, str, str | None]] = [("fixed", text, None) for text in dict.fromkeys(config.prompts)]
    everywhere = TrainingShare()
    for split, count, share, but in (
        ("train", config.train_prompts, config.train_from, set[str]()),
        ("val", config.val_prompts, everywhere, known),
    ):
        chosen += [(split, caption, pair_id) for pair_id, caption in _some_captions(pairs, split, count, share, but)]
    for prompt_id, (group, text, pair_id) in enumerate(chosen):
        yield Prompt(prompt_id=prompt_id, text=text, group=group, pair_id=pair_id)


def _texts(shard: str) -> Iterator[str]:
    return map(str.casefold, schemas.read_table(shard, ["caption"])["caption"].to_pylist())


def _some_captions(
    pairs: Artifact, split: str, count: int, share: TrainingShare, but: set[str]
) -> Iterable[tuple[str, str]]:
    """Pair id and caption of the first texts by hash of the pair, of images in a share, without those in `but`."""
    first: dict[str, tuple[str, str]] = {}
    for shard in pairs.files(split):
        table = schemas.read_table(shard, ["pair_id", "caption", "url"])
        columns = (table[name].to_pylist() for name in ("pair_id", "caption", "url"))
        own = [(pair_id, caption) for pair_id, caption, url in zip(*columns, strict=True) if share.holds(url)]
        rows = [*first.values(), *own]
        distinct: dict[str, tuple[str, str]] = {}
        for row in sorted(rows, key=lambda row: hashlib.sha256(row[0].encode()).digest()):
            distinct.setdefault(row[1].casefold(), row)
        first = dict(islice(((text, row) for text, row in distinct.items() if text not in but), count))
    return first.values()


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
