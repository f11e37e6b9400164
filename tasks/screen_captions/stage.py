"""Cleans alt texts and keeps those that are English sentences. Section 2.3 of the paper."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.screen_captions.cleaning import cleaned
from tasks.screen_captions.config import Config
from tasks.screen_captions.rules import RULES
from tasks.screen_captions.split import split
from tasks.screen_captions.transform.shards import transform_shards


@stage(Config, version=2, reads={"candidates": {"candidates": schemas.CANDIDATES}})
def screen_captions(config: Config, output: Output, candidates: Artifact) -> None:
    """Repairs every alt text and keeps the captions that pass the rules of the config's profile.

    If `config.transform` is set, the kept captions are transformed; see `tasks.screen_captions.transform`.
    """
    uris = candidates.files("candidates")
    if config.transform is None:
        output.map(partial(screen_shard, config), uris)
    else:
        transform_shards(config.transform, output, partial(judged, config), uris)


def screen_shard(config: Config, uri: str) -> Shard:
    """The captions of one shard of candidates, and the rejected alt texts."""
    return split(judged(config, uri), schemas.CAPTIONS)


def judged(config: Config, uri: str) -> pa.Table:
    """The candidates of one shard with the columns `caption`, and `reason` and `detail`, null where it is kept."""
    table = schemas.read_table(uri)
    captions = cleaned(table["alt"].combine_chunks())
    reasons, details = rejection_reasons(config, captions)
    table = table.append_column(schemas.CAPTIONS.field("caption"), captions)
    return table.append_column("reason", reasons).append_column("detail", details)


def rejection_reasons(config: Config, captions: pa.Array) -> tuple[pa.Array, pa.Array]:
    """For each caption the first reason to reject it and the value that decided, or two nulls."""
    reasons, details = np.full(len(captions), None, object), np.full(len(captions), None, object)
    left = np.arange(len(captions))  # the captions that no rule has rejected yet
    parameters = config.in_force
    for rule in RULES:
        if rule.parameter in parameters:
            mask, found = rule.check(captions, parameters[rule.parameter])
            if found:
                rejected = mask.to_numpy(zero_copy_only=False)
                reasons[left[rejected]], details[left[rejected]] = rule.reason, found
                left, captions = left[~rejected], captions.filter(pc.invert(mask))
    return pa.array(reasons, pa.string()), pa.array(details, pa.string())
