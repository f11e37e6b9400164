"""What an ablation grid says: which mattered more to the prior, its data or its size."""
