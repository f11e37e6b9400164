"""Fetches the images of accepted captions, through img2dataset."""
