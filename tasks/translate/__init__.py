"""Draws the lower part of given pictures anew, as captions ask for: the paper's image-to-image translation (3.3, G)."""
