"""Keeps one of each image, however often it was crawled."""

from tasks.dedup.dedup import Config, Look, dedup, find_duplicates

__all__ = ["Config", "Look", "dedup", "find_duplicates"]
