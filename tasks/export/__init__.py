"""Packed pairs as a data set for others: shards in a form that other programs open, a card, and Croissant."""
