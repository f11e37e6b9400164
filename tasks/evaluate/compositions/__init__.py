"""Reads from any picture which composition it shows, to judge drawings without a model that made or ranked them."""
