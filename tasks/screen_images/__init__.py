"""Keeps the images that a model can learn from, and those that show what their caption says."""
