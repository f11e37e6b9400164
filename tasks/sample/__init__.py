"""Draws candidates for every prompt: which prompts, how many of each, and with what."""
