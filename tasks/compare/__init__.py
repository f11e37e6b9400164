"""Runs, and folders of another model's pictures, judged alike and compared prompt by prompt."""
