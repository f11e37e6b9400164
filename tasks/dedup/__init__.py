"""Keeps one of each image, however often it was crawled."""
