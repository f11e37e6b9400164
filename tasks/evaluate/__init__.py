"""Measures what the trained models draw, with intervals, chance levels and the held-out prompts apart."""
