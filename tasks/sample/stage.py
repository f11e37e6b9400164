"""Draws candidates for every prompt with the trained generator, whatever its kind."""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from tasks import schemas
from tasks.checkpoints import generator_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.sample.choice import choose_prompts
from tasks.sample.config import Config
from tasks.sample.prompts import Prompt
from tasks.settings import Settings


@stage(Config, version=4, reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}})
def sample(config: Config, output: Output, pairs: Artifact, generator: Artifact) -> None:
    """N candidates for the fixed prompts, for some training captions, for some held-out ones, and for suites."""
    prompts = list(choose_prompts(config, pairs))
    groups = [prompts[i : i + config.prompts_per_shard] for i in range(0, len(prompts), config.prompts_per_shard)]
    output.map(partial(sample_shard, config, output.settings, generator), groups, "samples", release_models)


def sample_shard(config: Config, settings: Settings, generator: Artifact, prompts: Sequence[Prompt]) -> Shard:
    """All candidates of some prompts. A candidate depends on the seed, its prompt and its index alone."""
    from models.training.images import encode_png

    texts = [prompt.text for prompt in prompts]
    drawing = generator_of(generator, settings).draw(texts, config.candidates, config.seed, config)
    rows = [
        {
            "prompt_id": prompt.prompt_id,
            "prompt": prompt.text,
            "group": prompt.group,
            "pair_id": prompt.pair_id,
            "category": prompt.category,
            "challenge": prompt.challenge,
            "index": index,
            "seed": config.seed,
            "codes": None if drawing.codes is None else drawing.codes[place, index].astype("<u2").tobytes(),
            "image": encode_png(drawing.images[place, index]),
        }
        for place, prompt in enumerate(prompts)
        for index in range(config.candidates)
    ]
    return Shard(rows_in=len(rows), tables={"samples": pa.Table.from_pylist(rows, schema=schemas.SAMPLES)})
