"""The first stage: candidates, which are image URLs with alt texts, from live sites, a folder or the demo site."""
