"""Cleans alt texts and keeps those a model can learn from."""
