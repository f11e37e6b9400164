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


@stage(Config, version=2, reads={"candidates": {"candidates": schemas.CANDIDATES}})
def screen_captions(config: Config, output: Output, candidates: Artifact) -> None:
    """Repairs every alt text and keeps the captions that pass the rules of the config's profile."""
    output.map(partial(screen_shard, config), candidates.files("candidates"))


def screen_shard(config: Config, uri: str) -> Shard:
    """The captions of one shard of candidates, and the rejected alt texts."""
    table = schemas.read_table(uri)
    captions = cleaned(table["alt"].combine_chunks())
    reasons, details = rejection_reasons(config, captions)
    table = table.append_column(schemas.CAPTIONS.field("caption"), captions)
    kept = table.filter(pc.is_null(reasons))
    return Shard(table.num_rows, {"captions": kept.cast(schemas.CAPTIONS)}, schemas.rejects(table, reasons, details))


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
