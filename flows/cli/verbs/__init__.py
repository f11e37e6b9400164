"""What each `dalle <verb>` does; `flows/cli/app.py` lists them in their order."""
