"""Ranks the candidates of each prompt by CLIP (section 2.6). Keeps all of them, with their scores."""

from functools import partial

import numpy as np
import pyarrow as pa

from tasks import schemas
from tasks.checkpoints import ranker_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.settings import Settings


class Config(StageConfig):
    """No settings yet: the ranker is the CLIP of this run, and the score is its cosine similarity."""


@stage(Config, reads={"samples": {"samples": schemas.SAMPLES}})
def rerank(config: Config, output: Output, samples: Artifact, ranker: Artifact) -> None:
    """Scores every candidate against its prompt; rank 0 is the best of its prompt."""
    shards = samples.files("samples")
    output.map(partial(rerank_shard, output.settings, ranker), shards, "samples", release_models)


def rerank_shard(settings: Settings, ranker: Artifact, uri: str) -> Shard:
    """One shard of samples with score and rank; a shard holds all candidates of its prompts."""
    table = schemas.read_table(uri)
    scores = score_images(settings, ranker, table["image"].to_pylist(), table["prompt"].to_pylist())
    ranks = rank_within(table["prompt_id"].to_numpy(), scores)
    scored = table.append_column(schemas.SCORES.field("score"), pa.array(scores, pa.float32()))
    scored = scored.append_column(schemas.SCORES.field("rank"), pa.array(ranks, pa.int32()))
    return Shard(rows_in=table.num_rows, tables={"scores": scored})


def score_images(settings: Settings, ranker: Artifact, images: list[bytes], prompts: list[str]) -> np.ndarray:
    """Cosine similarity of each image (JPEG, PNG or WebP bytes) with its prompt: float32 [B], higher is better.

    Raises:
        ValueError: the numbers of images and prompts differ.
    """
    from models.clip.model import score
    from models.training.images import decode

    return score(ranker_of(ranker, settings), np.stack([decode(image) for image in images]), prompts)


def rank_within(prompt_ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Rank of each candidate among those of its prompt, 0 for the best; the earlier candidate wins a tie.

    Args:
        prompt_ids: int [B].
        scores: float [B].

    Returns:
        int32 [B].
    """
    ranks = np.empty(len(scores), np.int32)
    for prompt_id in np.unique(prompt_ids):
        rows = np.flatnonzero(prompt_ids == prompt_id)
        ranks[rows[np.argsort(-scores[rows], kind="stable")]] = np.arange(len(rows))
    return ranks
