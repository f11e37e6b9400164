"""Cleans alt texts and keeps those a model can learn from."""

from tasks.screen_captions.screen import Config, screen_captions, screen_shard

__all__ = ["Config", "screen_captions", "screen_shard"]
