"""Prompts beyond the captions of the pairs, read from files that a person names: one module for each kind of suite."""
