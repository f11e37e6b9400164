"""The order CLIP puts candidates in."""

import numpy as np

from tasks.rerank import rank_within


def test_ranks_count_from_the_best_within_each_prompt():
    prompts, scores = np.array([7, 7, 9, 7, 9]), np.array([0.1, 0.3, 0.5, 0.2, 0.6], np.float32)
    assert rank_within(prompts, scores).tolist() == [2, 0, 1, 1, 0]


def test_of_equal_scores_the_earlier_candidate_wins():
    assert rank_within(np.array([1, 1, 1]), np.array([0.5, 0.5, 0.5], np.float32)).tolist() == [0, 1, 2]
