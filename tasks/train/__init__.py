"""The training stages: each runs a trainer of `models/` on shards, and keeps its weights, config and metrics."""
