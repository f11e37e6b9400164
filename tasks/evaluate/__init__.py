"""Measures what the trained models draw, with intervals, chance levels and the held-out prompts apart."""

from tasks.evaluate.evaluate import Config, evaluate

__all__ = ["Config", "evaluate"]
