"""Fetches the images of accepted captions, through img2dataset."""

from tasks.fetch.fetch import Config, batches, fetch, read_batch

__all__ = ["Config", "batches", "fetch", "read_batch"]
