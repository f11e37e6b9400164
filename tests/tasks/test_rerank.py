"""Ranks: every candidate is kept, and the best score of a prompt has rank 0."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import painter
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_generator, tiny_ranker

from models import generator
from tasks import pack
from tasks.engine.artifact import Artifact
from tasks.rerank import Config, rank_within, rerank
from tasks.sample.config import Config as SampleConfig
from tasks.sample.stage import sample

SAMPLING = SampleConfig(prompts=("a red apple", "a frog"), train_prompts=2, val_prompts=1, candidates=3)


@pytest.fixture
def pairs(settings) -> Artifact:
    images = artifact("images", settings, emoji_pairs(24))
    return pack.pack(pack.Config(val_fraction=0.3), settings, images=images).artifact


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-1, 1, width=32)), max_size=40))
def test_ranks_of_a_prompt_are_counted_from_its_best_score(candidates):
    prompts = np.array([prompt for prompt, _ in candidates], np.int32)
    scores = np.array([score for _, score in candidates], np.float32)
    ranks = rank_within(prompts, scores)
    for prompt in set(prompts.tolist()):
        own = np.flatnonzero(prompts == prompt)
        assert sorted(ranks[own].tolist()) == list(range(len(own)))
        ordered = own[np.argsort(ranks[own])]
        assert all(scores[a] > scores[b] or (scores[a] == scores[b] and a < b) for a, b in itertools.pairwise(ordered))


def test_every_candidate_is_kept_with_its_score_and_rank(settings, pairs):
    samples = sample(SAMPLING, settings, pairs=pairs, generator=tiny_generator(settings)).artifact
    made = rerank(Config(), settings, samples=samples, ranker=tiny_ranker(settings)).artifact
    scored = rows(made, "scores")
    kept = ("prompt_id", "prompt", "index", "seed", "codes", "image")
    drawn = [[row[name] for name in kept] for row in rows(samples, "samples")]
    assert [[row[name] for name in kept] for row in scored] == drawn
    for prompt_id in {row["prompt_id"] for row in scored}:
        own = sorted((row for row in scored if row["prompt_id"] == prompt_id), key=lambda row: row["rank"])
        assert [row["rank"] for row in own] == [0, 1, 2]
        assert [row["score"] for row in own] == sorted((row["score"] for row in own), reverse=True)


def test_another_ranker_gives_other_scores(settings, pairs):
    samples = sample(SAMPLING, settings, pairs=pairs, generator=tiny_generator(settings)).artifact
    first, second = (
        rows(rerank(Config(), settings, samples=samples, ranker=tiny_ranker(settings, seed)).artifact, "scores")
        for seed in (0, 1)
    )
    assert [row["score"] for row in first] != [row["score"] for row in second]


def test_samples_without_codes_are_ranked_too(settings, pairs, monkeypatch):
    monkeypatch.setitem(generator.GENERATORS, painter.KIND, "support.painter")
    samples = sample(SAMPLING, settings, pairs=pairs, generator=painter.painter(settings)).artifact
    made = rerank(Config(), settings, samples=samples, ranker=tiny_ranker(settings)).artifact
    assert {row["codes"] for row in rows(made, "scores")} == {None}
    assert made.manifest().counts.rows_out == 15
