"""The first stage: image references with alt texts, from live sites, from a folder, or from the demo site."""
