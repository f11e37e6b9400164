"""Prompts of probes in a finished run, with pictures that a test gives."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.training.images import encode_png
from support.finished_run import FinishedRun, table
from tasks import schemas
from tasks.engine.output import Shard


def draw_too(run: FinishedRun, group: str, pictures: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Adds prompts to `sample` and `rerank`, each with its pictures, best first; the last was drawn first."""
    [uri] = run.artifacts["rerank"].files("scores")
    rows = schemas.read_table(uri).to_pylist()
    for prompt_id, (prompt, drawn) in enumerate(pictures.items(), 1 + max(row["prompt_id"] for row in rows)):
        for rank, picture in enumerate(drawn):
            known = {"prompt_id": prompt_id, "prompt": prompt, "group": group, "seed": 0}
            place = {"index": len(drawn) - 1 - rank, "rank": rank, "score": 5.0 - rank}
            rows.append({**known, **place, "image": encode_png(picture)})
    for stage, kind, schema, before in (
        ("sample", "samples", schemas.SAMPLES, ("pack",)),
        ("rerank", "scores", schemas.SCORES, ("sample",)),
    ):
        shard = Shard(len(rows), {kind: table(rows, schema)})
        run.finish(stage, lambda output, shard=shard: output.map(lambda item: item, [shard]), *before)
