"""Drawings as a set beside real pictures as a set, in the eyes of a published network."""
