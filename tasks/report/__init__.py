"""One self-contained page about a run: what was trained on what, how well it draws, and what it cost."""
