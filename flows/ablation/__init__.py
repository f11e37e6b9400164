"""The ablation grid: one prior for each share of the data, size and seed, on what they all share."""
